/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between hook contexts and struct lb_endpoint; the only BPF file that knows byte order. */
#ifndef LB_ADDRESS_H
#define LB_ADDRESS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "bpf/abi.h"

#define LB_AF_INET 2
#define LB_AF_INET6 10
#define LB_TCP_ESTABLISHED 1
#define LB_SECOND_NS 1000000000ULL

#define LB_IPPROTO_TCP 6
#define LB_IPPROTO_UDP 17
#define LB_IPPROTO_MPTCP 262

/* A field of a hook's context or socket, each read an instruction of its own: merged reads become
 * pointer arithmetic, which the verifier refuses there. */
#define FIELD(field)                                                                               \
	({                                                                                         \
		__typeof__(field) value_ = *(volatile __typeof__(field) *)&(field);                \
		asm volatile("" : "+r"(value_));                                                   \
		value_;                                                                            \
	})

/* A pointer into a map's value, computed here and nowhere else. Where clang merges the ways to
 * several of them into one addition of a number that depends on the way, the verifier refuses that
 * addition without CAP_PERFMON. */
#define ELEMENT(pointer)                                                                           \
	({                                                                                         \
		__typeof__(pointer) element_ = (pointer);                                          \
		asm volatile("" : "+r"(element_));                                                 \
		element_;                                                                          \
	})

static __always_inline void set_v4(struct lb_endpoint *endpoint, __be32 addr_be)
{
	endpoint->addr_be[0] = 0;
	endpoint->addr_be[1] = 0;
	endpoint->addr_be[2] = bpf_htonl(0xffff);
	endpoint->addr_be[3] = addr_be;
}

static __always_inline int is_v4(const struct lb_endpoint *endpoint)
{
	return !endpoint->addr_be[0] && !endpoint->addr_be[1] &&
	       endpoint->addr_be[2] == bpf_htonl(0xffff);
}

static __always_inline __u32 family_of(const struct lb_endpoint *endpoint)
{
	return is_v4(endpoint) ? LB_FAMILY_V4 : LB_FAMILY_V6;
}

static __always_inline int same_endpoint(const struct lb_endpoint *a, const struct lb_endpoint *b)
{
	return a->addr_be[3] == b->addr_be[3] && a->addr_be[2] == b->addr_be[2] &&
	       a->addr_be[1] == b->addr_be[1] && a->addr_be[0] == b->addr_be[0] &&
	       a->port_be == b->port_be && a->protocol == b->protocol;
}

static __always_inline __u32 host_port(const struct lb_endpoint *endpoint)
{
	return bpf_ntohs(endpoint->port_be);
}

/* The address that the kernel takes it for: a connect to 0.0.0.0 or :: gets the loopback address.
 */
static __always_inline void copy_judged(__be32 *addr_be, const struct lb_endpoint *endpoint)
{
	addr_be[0] = endpoint->addr_be[0];
	addr_be[1] = endpoint->addr_be[1];
	addr_be[2] = endpoint->addr_be[2];
	addr_be[3] = endpoint->addr_be[3];
	if (addr_be[0] || addr_be[1] || addr_be[3])
		return;
	if (is_v4(endpoint))
		addr_be[3] = bpf_htonl(0x7f000001);
	else if (!addr_be[2])
		addr_be[3] = bpf_htonl(1);
}

static __always_inline struct lb_endpoint endpoint_from_ctx4(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint endpoint = {};

	set_v4(&endpoint, ctx->user_ip4);
	endpoint.port_be = (__be16)ctx->user_port;
	endpoint.protocol = (__u8)ctx->protocol;
	return endpoint;
}

static __always_inline struct lb_endpoint endpoint_from_ctx6(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint endpoint = {};

	endpoint.addr_be[0] = ctx->user_ip6[0];
	endpoint.addr_be[1] = ctx->user_ip6[1];
	endpoint.addr_be[2] = ctx->user_ip6[2];
	endpoint.addr_be[3] = ctx->user_ip6[3];
	endpoint.port_be = (__be16)ctx->user_port;
	endpoint.protocol = (__u8)ctx->protocol;
	return endpoint;
}

static __always_inline void write_ctx4(struct bpf_sock_addr *ctx, const struct lb_endpoint *to)
{
	ctx->user_ip4 = to->addr_be[3];
	ctx->user_port = to->port_be;
}

static __always_inline void write_ctx6(struct bpf_sock_addr *ctx, const struct lb_endpoint *to)
{
	ctx->user_ip6[0] = to->addr_be[0];
	ctx->user_ip6[1] = to->addr_be[1];
	ctx->user_ip6[2] = to->addr_be[2];
	ctx->user_ip6[3] = to->addr_be[3];
	ctx->user_port = to->port_be;
}

/* Where the socket is really connected to; 0 if it is not connected. A TCP socket in a connect hook
 * never is. */
static __always_inline int actual_peer(struct bpf_sock *sk, __u8 protocol, struct lb_endpoint *peer)
{
	if (FIELD(sk->state) != LB_TCP_ESTABLISHED)
		return 0;
	if (FIELD(sk->family) == LB_AF_INET6) {
		peer->addr_be[0] = FIELD(sk->dst_ip6[0]);
		peer->addr_be[1] = FIELD(sk->dst_ip6[1]);
		peer->addr_be[2] = FIELD(sk->dst_ip6[2]);
		peer->addr_be[3] = FIELD(sk->dst_ip6[3]);
	} else {
		set_v4(peer, FIELD(sk->dst_ip4));
	}
	peer->port_be = FIELD(sk->dst_port);
	peer->protocol = protocol;
	peer->pad = 0;
	return 1;
}

/* The explicitly bound source of a socket, as far as it is known before the kernel connects. */
static __always_inline void bound_source(struct bpf_sock *sk, __u8 protocol,
					 struct lb_endpoint *local)
{
	if (FIELD(sk->family) == LB_AF_INET6) {
		local->addr_be[0] = FIELD(sk->src_ip6[0]);
		local->addr_be[1] = FIELD(sk->src_ip6[1]);
		local->addr_be[2] = FIELD(sk->src_ip6[2]);
		local->addr_be[3] = FIELD(sk->src_ip6[3]);
	} else {
		set_v4(local, FIELD(sk->src_ip4));
	}
	local->port_be = bpf_htons((__u16)FIELD(sk->src_port));
	local->protocol = protocol;
}

/* The source of a TCP socket that is about to send its SYN to `remote`. */
static __always_inline void tcp_source(struct bpf_sock_ops *ops, const struct lb_endpoint *remote,
				       struct lb_endpoint *local)
{
	if (is_v4(remote)) { /* also of an AF_INET6 socket: v4-mapped */
		set_v4(local, FIELD(ops->local_ip4));
	} else {
		local->addr_be[0] = FIELD(ops->local_ip6[0]);
		local->addr_be[1] = FIELD(ops->local_ip6[1]);
		local->addr_be[2] = FIELD(ops->local_ip6[2]);
		local->addr_be[3] = FIELD(ops->local_ip6[3]);
	}
	local->port_be = bpf_htons((__u16)FIELD(ops->local_port));
	local->protocol = remote->protocol;
}

#endif
