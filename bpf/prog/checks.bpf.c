// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where reseat lives in the balanced cgroup, so do the commands of its exec checks: the sockets
 * that they and their descendants make are exempt like those of its own. Told by the session, which
 * a check's command leads and its descendants inherit. An object of its own, as it needs
 * CAP_PERFMON and BTF; attached only where there are such checks. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"
#include "vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define LB_PIDTYPE_SID 3

/* The data path's own: replaced by it before this is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct lb_owner);
} lb_owner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct lb_session);
	__type(value, __u32);
} lb_sessions SEC(".maps");

/* As the process itself sees it: reseat may live in a pid namespace. */
static __always_inline struct lb_session current_session(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, signal, pids[LB_PIDTYPE_SID]);
	unsigned int level = BPF_CORE_READ(pid, level);
	struct lb_session session = {};
	struct upid own;

	/* CO-RE relocates no index that is only known at run time. */
	if (bpf_probe_read_kernel(&own, sizeof(own),
				  (void *)pid + bpf_core_field_offset(pid->numbers) +
					  level * sizeof(own)))
		return session;
	session.pid = own.nr;
	session.pid_namespace = BPF_CORE_READ(own.ns, ns.inum);
	return session;
}

SEC("cgroup/sock_create")
int lb_check_socket(struct bpf_sock *sk)
{
	struct lb_session session = current_session();
	struct lb_owner exempt = {.flags = LB_OWNER_EXEMPT};

	if (bpf_map_lookup_elem(&lb_sessions, &session))
		bpf_sk_storage_get(&lb_owner, sk, &exempt, BPF_SK_STORAGE_GET_F_CREATE);
	return 1; /* whatever happens, the socket may be made */
}
