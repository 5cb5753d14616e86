// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every socket that has an owner record, for user space to read. Takes no lock of any socket, and
 * sees all network namespaces. An object of its own, as it needs CAP_PERFMON and BTF, and reseat
 * works without. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_owned_pass);
} lb_owned_pass SEC(".maps");

/* Not through the iterator's own buffer: each time that it is full (32 KiB) the kernel walks the
 * list again from the start of its bucket, of which there are as few as processors. */
struct lb_owned_room {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP); /* of any size */
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct lb_owned));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct lb_owned_room);
} lb_owned_found SEC(".maps");

static int is_wanted(const struct lb_owned_pass *pass, const struct lb_owner *owner)
{
	return !pass->life || owner->current.life == pass->life ||
	       owner->previous.life == pass->life;
}

SEC("iter/bpf_sk_storage_map")
int lb_owned(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct lb_owner *owner = ctx->value;
	struct lb_owned_pass *pass;
	struct lb_owned *entry;
	__u32 zero = 0, at;
	__u64 cookie;
	void *room;

	if (!sk || !owner)
		return 0; /* the end of the iteration */
	pass = bpf_map_lookup_elem(&lb_owned_pass, &zero);
	if (!pass || !is_wanted(pass, owner))
		return 0;
	cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	if (!cookie)
		return 0; /* a socket of reseat's own that never was in a hook */
	at = pass->found++;
	room = bpf_map_lookup_elem(&lb_owned_found, &zero);
	entry = room ? bpf_map_lookup_elem(room, &at) : 0;
	if (!entry)
		return 0; /* counted: user space asks again, with room for as many */
	entry->cookie = cookie;
	entry->netns = sk->__sk_common.skc_net.net->net_cookie;
	entry->owner = *owner;
	return 0;
}
