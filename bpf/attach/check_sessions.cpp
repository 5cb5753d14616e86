// SPDX-License-Identifier: Apache-2.0
#include "bpf/attach/check_sessions.hpp"

#include "base/handles.hpp"
#include "bpf/abi.h"
#include "bpf/checks.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace reseat::bpf {
namespace {

struct Destroy {
    void operator()(checks_bpf* object) const { checks_bpf__destroy(object); }
};
struct Detach {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

Error failure(int number) {
    return system_error("exempt commands of exec checks from balancing (needs CAP_PERFMON and BTF)", number,
                        ErrorCode::unsupported);
}

}  // namespace

struct CheckSessions::Impl {
    std::unique_ptr<checks_bpf, Destroy> object;
    std::unique_ptr<bpf_link, Detach> link;
    std::uint32_t pid_namespace = 0;
};

CheckSessions::CheckSessions(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CheckSessions::~CheckSessions() = default;

Result<std::unique_ptr<CheckSessions>> CheckSessions::attach(const std::string& cgroup, int owner_map) {
    auto impl = std::make_unique<Impl>();
    struct stat about = {};
    if (::stat("/proc/self/ns/pid", &about) != 0) return failure(errno);
    impl->pid_namespace = static_cast<std::uint32_t>(about.st_ino);
    impl->object.reset(checks_bpf__open());
    if (!impl->object) return failure(errno);
    if (bpf_map__reuse_fd(impl->object->maps.lb_owner, owner_map) != 0) return failure(errno);
    if (checks_bpf__load(impl->object.get()) != 0) return failure(errno);
    const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return failure(errno);
    impl->link.reset(bpf_program__attach_cgroup(impl->object->progs.lb_check_socket, directory.get()));
    if (!impl->link) return failure(errno);
    return std::unique_ptr<CheckSessions>(new CheckSessions(std::move(impl)));
}

lb::SessionPreparer CheckSessions::preparer() {
    const int sessions = bpf_map__fd(impl_->object->maps.lb_sessions);
    const auto key = [number = impl_->pid_namespace](pid_t session) {
        return lb_session{.pid = static_cast<std::uint32_t>(session), .pid_namespace = number};
    };
    return {[=](pid_t session) {
                const auto which = key(session);
                const std::uint32_t known = 1;
                bpf_map_update_elem(sessions, &which, &known, BPF_ANY);
            },
            [=](pid_t session) {
                const auto which = key(session);
                bpf_map_delete_elem(sessions, &which);
            }};
}

}  // namespace reseat::bpf
