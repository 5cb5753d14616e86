// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/cli/command_line.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/manual/pages.hpp"
#include "proxy/manual/roff.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/document.hpp"

#include <CLI/CLI.hpp>

using namespace reseat;
using namespace reseat::proxy;

TEST_CASE("text stands for itself in roff", "[manual]") {
    CHECK(roff::escaped("a-b \\0") == "a\\-b \\e0");
    CHECK(roff::escaped(".br\n'x\na.b") == "\\&.br\n\\&'x\na.b");
    CHECK(roff::argument("say \"so\"") == "\"say \\(dqso\\(dq\"");
}

TEST_CASE("reseat(1) has every command and every flag with its variable", "[manual]") {
    const std::string page = command_page();
    for (const Command& command : all_commands()) {
        const std::string name(command.name);
        if (command.group == group::kHidden) continue;
        CAPTURE(name);
        Options unused;
        const auto line = command_line(unused, name);
        const CLI::App& described = *line->get_subcommand(name);
        CHECK_THAT(page, Catch::Contains(roff::subsection(synopsis(described))));
        CHECK_THAT(page, Catch::Contains(roff::escaped(command.summary)));
        for (const auto* option : described.get_options()) {
            if (option == described.get_help_ptr()) continue;
            for (const auto& flag : option->get_lnames())
                CHECK_THAT(page, Catch::Contains(roff::bold("--" + flag)));
            CHECK_THAT(page, Catch::Contains(roff::escaped(option->get_description())));
            if (option->nonpositional()) CHECK_THAT(page, Catch::Contains(roff::bold(option->get_envname())));
        }
    }
}

TEST_CASE("reseat.yaml(5) has every key with its default", "[manual]") {
    const std::string page = config_page(config::read_text("docs/configuration.md"), "version: 1\n");
    for (const auto& section : config::read_document())
        for (const auto& row : section.rows) {
            CAPTURE(section.place, row.key);
            CHECK_THAT(page, Catch::Contains(".TP\n" + roff::bold(row.key)));
        }
    CHECK_THAT(page, Catch::Contains(".SH \"services[].connections\"\n"));
    CHECK_THAT(page, Catch::Contains("version: 1\n"));
    for (const auto line : split(page, '\n'))
        CHECK_FALSE((line.starts_with("|") || line.starts_with("#") ||
                     line.find("**") != std::string_view::npos || line.find('`') != std::string_view::npos));
}
