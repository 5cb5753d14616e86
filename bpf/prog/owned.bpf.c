// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every socket that has an owner record, for user space to read: cookie and record, one after the
 * other. Takes no lock of any socket, and sees all network namespaces. An object of its own, as it
 * needs CAP_PERFMON and BTF, and reseat works without. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/bpf_sk_storage_map")
int lb_owned(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct lb_owner *owner = ctx->value;
	__u64 cookie;

	if (!sk || !owner)
		return 0; /* the end of the iteration */
	cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	if (!cookie)
		return 0; /* a socket of reseat's own that never was in a hook */
	bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	bpf_seq_write(ctx->meta->seq, owner, sizeof(*owner));
	return 0;
}
