// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What only the kernel's own types tell lb_sockops, which runs after it. An object of its own, as
 * that needs CAP_PERFMON and BTF. Multipath TCP: hooks see the subflow when it connects, but not
 * when it is released: that hook runs for the application's socket, which is another one. So
 * lb_sockops is to hear when the subflow is closed. And of each connection that we watch: which
 * error ended it, if one did. */
#include "owner_map.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void begin(struct bpf_sock_ops *ops, struct lb_owner *owner,
				  const struct tcp_sock *tcp)
{
	owner->error = 0;
	owner->flags |= LB_OWNER_ERRORS;
	if (!tcp->is_mptcp)
		return;
	owner->flags |= LB_OWNER_MULTIPATH;
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

SEC("sockops")
int lb_multipath(struct bpf_sock_ops *ops)
{
	int begins = ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB;
	struct bpf_sock *sk = ops->sk;
	struct lb_owner *owner;
	struct tcp_sock *tcp;

	if (!sk || (!begins && (ops->op != BPF_SOCK_OPS_STATE_CB || ops->args[1] != BPF_TCP_CLOSE)))
		return 1;
	owner = bpf_sk_storage_get(&lb_owner, sk, 0, 0);
	tcp = owner ? bpf_skc_to_tcp_sock(sk) : 0;
	if (!tcp)
		return 1;
	if (begins)
		begin(ops, owner, tcp);
	else
		owner->error = ((struct sock *)tcp)->sk_err;
	return 1;
}
