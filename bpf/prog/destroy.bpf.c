// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The iterator engine: ends sockets where they are found, under their lock. Costs by all sockets of
 * the namespace in which the iterator is made. An object of its own: bpf_sock_destroy is there
 * since Linux 6.5, and tracing needs CAP_PERFMON and BTF. */
#include "address.h"
#include "owner_map.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern int bpf_sock_destroy(struct sock_common *sk) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_ending);
} lb_ending SEC(".maps");

/* Where the socket is really connected to. */
static __always_inline void peer_of(const struct sock_common *sk, __u8 protocol,
				    struct lb_endpoint *peer)
{
	if (sk->skc_family == LB_AF_INET6) {
		peer->addr_be[0] = sk->skc_v6_daddr.in6_u.u6_addr32[0];
		peer->addr_be[1] = sk->skc_v6_daddr.in6_u.u6_addr32[1];
		peer->addr_be[2] = sk->skc_v6_daddr.in6_u.u6_addr32[2];
		peer->addr_be[3] = sk->skc_v6_daddr.in6_u.u6_addr32[3];
	} else {
		set_v4(peer, sk->skc_daddr);
	}
	peer->port_be = sk->skc_dport;
	peer->protocol = protocol;
}

/* Both records may name this address, when another life of it followed: the newer one is true then.
 */
static __always_inline __u64 life_of(const struct lb_owner *owner, const struct lb_endpoint *peer)
{
	return same_endpoint(&owner->current.peer, peer) ? owner->current.life
							 : owner->previous.life;
}

static __always_inline int is_condemned(const struct lb_ending *ending, struct sock_common *sk,
					const struct lb_owner *owner)
{
	struct lb_endpoint peer = {};

	if (!owner || !(ending->states & (1U << (sk->skc_state & 31))))
		return 0;
	peer_of(sk, ending->peer.protocol, &peer);
	return same_endpoint(&peer, &ending->peer) && life_of(owner, &peer) == ending->life;
}

static __always_inline struct lb_ending *ending_of(__u8 protocol)
{
	__u32 zero = 0;
	struct lb_ending *ending = bpf_map_lookup_elem(&lb_ending, &zero);

	return ending && ending->peer.protocol == protocol ? ending : 0;
}

static __always_inline void note_end(struct lb_ending *ending, int failure)
{
	ending->matched++;
	if (!failure)
		ending->ended++;
}

SEC("iter/tcp")
int lb_destroy_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct lb_ending *ending = ending_of(LB_IPPROTO_TCP);

	if (sk && ending && is_condemned(ending, sk, bpf_sk_storage_get(&lb_owner, sk, 0, 0)))
		note_end(ending, bpf_sock_destroy(sk));
	return 0;
}

SEC("iter/udp")
int lb_destroy_udp(struct bpf_iter__udp *ctx)
{
	struct sock_common *sk = (struct sock_common *)ctx->udp_sk;
	struct lb_ending *ending = ending_of(LB_IPPROTO_UDP);

	if (sk && ending && is_condemned(ending, sk, bpf_sk_storage_get(&lb_owner, sk, 0, 0)))
		note_end(ending, bpf_sock_destroy(sk));
	return 0;
}
