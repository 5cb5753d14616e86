// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/descriptor_table.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sandbox.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;

namespace {

constexpr int kNumber = 77;
constexpr uid_t kNobody = 65534;

/// In this thread: /proc/PID/fd of other users is closed to root.
void give_up_reading_everything() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    data[0].effective = data[0].permitted = 1U << CAP_SYS_PTRACE;
    if (::syscall(SYS_capset, &header, data) != 0) throw std::system_error(errno, std::generic_category());
}

}  // namespace

TEST_CASE("the sockets of another user's process are found with CAP_SYS_PTRACE alone", "[kernel][lab]") {
    Sandbox box("hidden", {});
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const auto owner = box.spawn([&] {
        if (::setresuid(kNobody, kNobody, kNobody) != 0) return 1;
        ::prctl(PR_SET_DUMPABLE, 1);  // as after exec: its files in /proc are its user's
        const int made = ::socket(AF_INET, SOCK_DGRAM, 0);
        const int socket = ::dup2(made, kNumber);
        ::close(made);
        ::dup2(ready[0], kNumber + 1);  // no socket
        struct stat about = {};
        ::fstat(socket, &about);
        if (::write(ready[1], &about.st_ino, sizeof about.st_ino) < 0) return 2;
        return ::pause();
    });
    ino_t inode = 0;
    REQUIRE(::read(ready[0], &inode, sizeof inode) == sizeof inode);
    auto reader = box.spawn([&] {
        give_up_reading_everything();
        if (::access(("/proc/" + std::to_string(owner.pid()) + "/fd").c_str(), R_OK) == 0) return 1;
        bpf::DescriptorTable table(static_cast<std::uint32_t>(owner.pid()));
        if (table.find(static_cast<std::uint32_t>(inode), -1) != kNumber) return 2;
        if (table.find(static_cast<std::uint32_t>(inode), kNumber) != kNumber) return 3;
        const auto sockets = table.sockets();
        for (const int number : sockets)
            if (number == kNumber + 1) return 4;
        return table.error() == 0 && !sockets.empty() ? 0 : 5;
    });
    CHECK(reader.wait() == 0);
    for (const int end : ready) ::close(end);
}
