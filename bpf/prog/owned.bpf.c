// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every socket that has an owner record, for user space to read: struct lb_owned, one after the
 * other. Takes no lock of any socket, and sees all network namespaces. An object of its own, as it
 * needs CAP_PERFMON and BTF, and reseat works without. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The life that is asked for; 0: all. In here, not in user space: each time that the buffer is full
 * (32 KiB) the kernel walks the list again from the start of its bucket, of which there are as few
 * as processors. What is not told fills no buffer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lb_wanted SEC(".maps");

static int is_wanted(const struct lb_owner *owner)
{
	__u32 zero = 0;
	__u64 *life = bpf_map_lookup_elem(&lb_wanted, &zero);

	return !life || !*life || owner->current.life == *life || owner->previous.life == *life;
}

SEC("iter/bpf_sk_storage_map")
int lb_owned(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct lb_owner *owner = ctx->value;
	struct lb_owned entry = {};

	if (!sk || !owner)
		return 0; /* the end of the iteration */
	if (!is_wanted(owner))
		return 0;
	entry.cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	if (!entry.cookie)
		return 0; /* a socket of reseat's own that never was in a hook */
	entry.netns = sk->__sk_common.skc_net.net->net_cookie;
	entry.owner = *owner;
	bpf_seq_write(ctx->meta->seq, &entry, sizeof(entry));
	return 0;
}
