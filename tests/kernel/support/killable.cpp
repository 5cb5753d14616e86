// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/killable.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace reseat::test {
namespace {

using Then = std::function<void(TestPlane&)>;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
        read = UniqueFd(ends[0]);
        write = UniqueFd(ends[1]);
    }
    UniqueFd read, write;
};

int serve(const Sandbox& box, const std::vector<lb::Service>& services, const bpf::KernelOptions& options,
          const Then& then, int ready) {
    TestPlane plane(box, services, options);
    if (then) then(plane);
    if (::write(ready, "r", 1) != 1) return 1;
    while (true) plane.pump_until([] { return false; }, std::chrono::seconds(1));
}

Process start(const Sandbox& box, const std::vector<lb::Service>& services, const bpf::KernelOptions& options,
              const Then& then) {
    Pipe ready;
    Process process(cgroup2_mount(), box.lab().client(),
                    [&] { return serve(box, services, options, then, ready.write.get()); });
    ready.write.reset();
    pollfd came{.fd = ready.read.get(), .events = POLLIN, .revents = 0};
    char byte = 0;
    if (::poll(&came, 1, 20'000) != 1 || ::read(ready.read.get(), &byte, 1) != 1)
        throw std::runtime_error("the data plane of another process does not start");
    return process;
}

}  // namespace

std::vector<lb::Service> both(Sandbox& box) {
    return {service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()}),
            udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})};
}

KillablePlane::KillablePlane(const Sandbox& box, const std::vector<lb::Service>& services,
                             const bpf::KernelOptions& options, const Then& then)
    : process_(start(box, services, options, then)) {}

KillablePlane::KillablePlane(AtOnce, const Sandbox& box, const std::vector<lb::Service>& services,
                             const bpf::KernelOptions& options, const Then& then)
    : process_(cgroup2_mount(), box.lab().client(), [&] {
          TestPlane plane(box, services, options);
          while (true) then(plane);
          return 0;
      }) {}

bpf::KernelOptions pinned_in(const BpfFs& bpffs) {
    bpf::KernelOptions options;
    options.pin = bpffs.path() + "/reseat/test";
    return options;
}

}  // namespace reseat::test
