// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Multipath TCP: hooks see the subflow when it connects, but not when it is released: that hook
 * runs for the application's socket, which is another one. So lb_sockops is to hear when the
 * subflow is closed. Runs before it. An object of its own: it reads kernel types, for which
 * CAP_PERFMON and BTF are needed. */
#include "owner_map.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("sockops")
int lb_multipath(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct lb_owner *owner;
	struct tcp_sock *tcp;

	if (!sk || ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB)
		return 1;
	owner = bpf_sk_storage_get(&lb_owner, sk, 0, 0);
	tcp = owner ? bpf_skc_to_tcp_sock(sk) : 0;
	if (!tcp || !tcp->is_mptcp)
		return 1;
	owner->flags |= LB_OWNER_MULTIPATH;
	bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
	return 1;
}
