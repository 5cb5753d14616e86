// SPDX-License-Identifier: Apache-2.0
// Writes a manual page to standard output, at build time.
#include "base/read_file.hpp"
#include "base/text.hpp"
#include "proxy/manual/pages.hpp"

#include <cstdio>
#include <string_view>

using namespace reseat;
using namespace reseat::proxy;

int main(int argc, char** argv) {
    const std::string_view page = argc > 1 ? argv[1] : "";
    if (page == "reseat.1" && argc == 2) {
        std::fputs(command_page().c_str(), stdout);
        return 0;
    }
    if (page == "reseat.yaml.5" && argc == 4) {
        std::fputs(config_page(read_file(argv[2]).value(), read_file(argv[3]).value()).c_str(), stdout);
        return 0;
    }
    std::fputs("usage: reseat_manual reseat.1 | reseat.yaml.5 REFERENCE.md EXAMPLE.yaml\n", stderr);
    return 2;
}
