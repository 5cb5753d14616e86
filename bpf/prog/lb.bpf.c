// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs attached to the workload's cgroup: entries only, what they do is in the headers. */
#include "datagram.h"
#include "sockops.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/connect4")
int lb_connect4(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint dialled = endpoint_from_ctx4(ctx), to = dialled;
	int verdict = balance_connect(ctx, &dialled, &to);

	write_ctx4(ctx, &to);
	return verdict;
}

SEC("cgroup/connect6")
int lb_connect6(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint dialled = endpoint_from_ctx6(ctx), to = dialled;
	int verdict = balance_connect(ctx, &dialled, &to);

	write_ctx6(ctx, &to);
	return verdict;
}

SEC("cgroup/sendmsg4")
int lb_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint dialled = endpoint_from_ctx4(ctx), to = dialled;
	int verdict = balance_datagram(ctx, &dialled, &to);

	write_ctx4(ctx, &to);
	return verdict;
}

SEC("cgroup/sendmsg6")
int lb_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint dialled = endpoint_from_ctx6(ctx), to = dialled;
	int verdict = balance_datagram(ctx, &dialled, &to);

	write_ctx6(ctx, &to);
	return verdict;
}

SEC("cgroup/recvmsg4")
int lb_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint source = endpoint_from_ctx4(ctx), dialled;

	if (ctx->sk && dialled_source(ctx, ctx->sk, &source, &dialled))
		write_ctx4(ctx, &dialled);
	return LB_PROCEED;
}

SEC("cgroup/recvmsg6")
int lb_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint source = endpoint_from_ctx6(ctx), dialled;

	if (ctx->sk && dialled_source(ctx, ctx->sk, &source, &dialled))
		write_ctx6(ctx, &dialled);
	return LB_PROCEED;
}

SEC("cgroup/getpeername4")
int lb_getpeername4(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint peer = endpoint_from_ctx4(ctx), dialled;
	struct bpf_sock *sk = ctx->sk;

	if (sk && dialled_peer(ctx, find_owner(sk), &peer, &dialled))
		write_ctx4(ctx, &dialled);
	return LB_PROCEED;
}

SEC("cgroup/getpeername6")
int lb_getpeername6(struct bpf_sock_addr *ctx)
{
	struct lb_endpoint peer = endpoint_from_ctx6(ctx), dialled;
	struct bpf_sock *sk = ctx->sk;

	if (sk && dialled_peer(ctx, find_owner(sk), &peer, &dialled))
		write_ctx6(ctx, &dialled);
	return LB_PROCEED;
}

SEC("sockops")
int lb_sockops(struct bpf_sock_ops *ops)
{
	return hear_tcp(ops);
}

SEC("cgroup/sock_release")
int lb_release(struct bpf_sock *sk)
{
	release_socket(sk, bpf_get_socket_cookie(sk));
	return LB_PROCEED;
}

/* Attached only where the configuration refuses Multipath TCP: runtimes then fall back to TCP. */
SEC("cgroup/sock_create")
int lb_create(struct bpf_sock *sk)
{
	return FIELD(sk->protocol) == LB_IPPROTO_MPTCP ? refuse_protocol() : LB_PROCEED;
}

static __noinline int unfile_and_uncount(__u32 number, __u64 tag, __u64 life)
{
	__u32 backend = LB_TAG_LIFE(tag) - 1;

	if (tag && unfile(number, tag, backend, life))
		uncount(backend, life);
	return 0;
}

/* Run by reseat, for flows whose sockets are connected elsewhere, or not at all. In here as nothing
 * comes between taking one out and uncounting it, not even reseat's end. No program of type
 * syscall: Linux 6.1 lets those use no stack map. */
SEC("tc")
int lb_unfile(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct lb_unfilings *wanted = bpf_map_lookup_elem(&lb_unfilings, &zero);

	if (!wanted)
		return 0;
#pragma unroll /* constants only: see ELEMENT() */
	for (int i = 0; i < LB_UNFILINGS; i++)
		unfile_and_uncount(wanted->flows[i].number, wanted->flows[i].tag,
				   wanted->flows[i].life);
	return 0;
}

static long free_next(__u32 step, const struct lb_index *numbers)
{
	__u32 number = numbers->flows + numbers->more - 1 - step, low = LB_FLOWS_LOW;

	if (numbers->mark && step == numbers->more / 4)
		bpf_map_push_elem(&lb_free_flows, &low, BPF_ANY);
	bpf_map_push_elem(&lb_free_flows, &number, BPF_ANY);
	return 0;
}

/* Run by reseat when lb_flows has got more chunks. In here as all of their numbers become free, or,
 * where reseat ends before, none. */
SEC("tc")
int lb_add_flows(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct lb_index *index = bpf_map_lookup_elem(&lb_index, &zero);
	struct lb_index *wanted = bpf_map_lookup_elem(&lb_more_flows, &zero);
	struct lb_index numbers;

	if (!index || !wanted || index->flows != wanted->flows)
		return 0; /* done already */
	numbers = *wanted;
	index->flows += numbers.more;
	bpf_loop(numbers.more, free_next, &numbers, 0);
	return 0;
}

/* Run by reseat at each load: writes down its own thread group as the hooks will see it. */
SEC("syscall")
int lb_introduce(void *ctx)
{
	__u64 nobody = 0;
	struct lb_repoint repoint = {.tgid = bpf_get_current_pid_tgid() >> 32};

	return bpf_map_update_elem(&lb_repoint, &nobody, &repoint, BPF_ANY);
}
