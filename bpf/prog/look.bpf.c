// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A look at many sockets in one system call: is what a tuple finds still the socket of that life,
 * connected where it was filed? Run by user space (BPF_PROG_TEST_RUN) in its own network namespace;
 * takes no lock of any socket. An object of its own: reseat works without. */
#include "address.h"
#include "owner_map.h"
#include "bpf/abi_look.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LB_LOOKS);
	__type(key, __u32);
	__type(value, struct lb_look);
} lb_looks SEC(".maps");

/* As if the peer had sent something. */
static __always_inline struct bpf_sock *find_socket(struct __sk_buff *skb,
						    const struct lb_look *look)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);

	if (is_v4(&look->remote)) {
		tuple.ipv4.saddr = look->remote.addr_be[3];
		tuple.ipv4.daddr = look->local.addr_be[3];
		tuple.ipv4.sport = look->remote.port_be;
		tuple.ipv4.dport = look->local.port_be;
		size = sizeof(tuple.ipv4);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, look->remote.addr_be, 16);
		__builtin_memcpy(tuple.ipv6.daddr, look->local.addr_be, 16);
		tuple.ipv6.sport = look->remote.port_be;
		tuple.ipv6.dport = look->local.port_be;
	}
	if (look->remote.protocol == LB_IPPROTO_UDP)
		return bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	return bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
}

static __always_inline int is_connected_to(struct bpf_sock *sk, const struct lb_endpoint *remote)
{
	if (FIELD(sk->dst_port) != remote->port_be)
		return 0;
	if (is_v4(remote))
		return FIELD(sk->dst_ip4) == remote->addr_be[3];
	return FIELD(sk->dst_ip6[0]) == remote->addr_be[0] &&
	       FIELD(sk->dst_ip6[1]) == remote->addr_be[1] &&
	       FIELD(sk->dst_ip6[2]) == remote->addr_be[2] &&
	       FIELD(sk->dst_ip6[3]) == remote->addr_be[3];
}

static __always_inline int is_of_life(struct bpf_sock *sk, const struct lb_look *look)
{
	struct lb_owner *owner = bpf_sk_storage_get(&lb_owner, sk, 0, 0);

	if (!owner)
		return 0;
	if (same_endpoint(&owner->current.peer, &look->remote))
		return owner->current.life == look->life;
	return same_endpoint(&owner->previous.peer, &look->remote) &&
	       owner->previous.life == look->life;
}

/* Global, so that the verifier reads it once. */
__noinline int look_at(struct __sk_buff *skb, __u32 position)
{
	struct lb_look *look = bpf_map_lookup_elem(&lb_looks, &position);
	struct bpf_sock *sk;

	if (!look || !look->life)
		return 0;
	sk = find_socket(skb, look);
	look->live = sk && look->states & (1U << (FIELD(sk->state) & 31)) &&
		     is_connected_to(sk, &look->remote) && is_of_life(sk, look);
	if (sk)
		bpf_sk_release(sk);
	return 1;
}

/* One step of bpf_loop(): 1 ends it. */
static long look_step(__u32 position, struct __sk_buff **skb)
{
	return !look_at(*skb, position);
}

SEC("tc")
int lb_look(struct __sk_buff *skb)
{
	bpf_loop(LB_LOOKS, look_step, &skb, 0);
	return 0;
}
