// SPDX-License-Identifier: Apache-2.0
#include "tests/support/capabilities.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::test {

Capabilities capabilities(std::initializer_list<unsigned> numbers) {
    Capabilities set = 0;
    for (const unsigned number : numbers) set |= Capabilities{1} << number;
    return set;
}

void keep_only(Capabilities kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    bool done = ::syscall(SYS_capget, &header, data.data()) == 0;
    for (std::size_t i = 0; i < data.size(); ++i)
        for (auto* set : {&data[i].effective, &data[i].permitted, &data[i].inheritable})
            *set &= static_cast<__u32>(kept >> (32 * i));
    done = done && ::syscall(SYS_capset, &header, data.data()) == 0;
    if (!done) throw std::system_error(errno, std::generic_category(), "give up capabilities");
}

}  // namespace reseat::test
