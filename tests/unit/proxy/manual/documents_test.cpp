// SPDX-License-Identifier: Apache-2.0
// What README.md and docs/ say about the command line is what the command line is.
#include "base/read_file.hpp"
#include "base/text.hpp"
#include "proxy/cli/command_line.hpp"
#include "proxy/cli/commands/command.hpp"
#include "tests/support/catch.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <regex>
#include <set>

using namespace reseat;
using namespace reseat::proxy;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> documents() {
    std::vector<std::string> paths = {"README.md"};
    for (const auto& entry : fs::directory_iterator("docs"))
        if (entry.path().extension() == ".md") paths.push_back(entry.path());
    return paths;
}

struct Mention {
    std::string file;
    std::string text;  ///< from "reseat" to the end of the line or of the `code`
    std::string command;
};

/// `reseat WORD ...` in code, and lines of commands to type.
std::vector<Mention> mentions() {
    static const std::regex code(R"(`(?:sudo )?(?:build/\w+/)?(reseat ([a-z]+)[^`]*)`)");
    static const std::regex typed(R"(^(?:\$ )?(?:sudo )?(?:build/\w+/)(reseat ([a-z]+).*)$)");
    std::vector<Mention> found;
    for (const auto& path : documents()) {
        const std::string text = read_file(path).value();
        for (auto at = std::sregex_iterator(text.begin(), text.end(), code); at != std::sregex_iterator();
             ++at)
            found.push_back({path, at->str(1), at->str(2)});
        for (const auto view : split(text, '\n')) {
            const std::string line(view);
            if (std::smatch match; std::regex_match(line, match, typed))
                found.push_back({path, match.str(1), match.str(2)});
        }
    }
    return found;
}

std::set<std::string> command_names() {
    std::set<std::string> names;
    for (const Command& command : all_commands())
        if (command.group != group::kHidden) names.emplace(command.name);
    return names;
}

}  // namespace

TEST_CASE("each command and flag that the documents name exists", "[documents]") {
    static const std::regex flag(R"((?:^|[ [])(--?[a-z][a-z-]*))");
    Options unused;
    const auto line = command_line(unused, "");
    const auto all = mentions();
    CHECK(all.size() > 10);
    for (const auto& [file, text, command] : all) {
        CAPTURE(file, text);
        REQUIRE(command_names().contains(command));
        const CLI::App* described = line->get_subcommand(command);
        const std::string ours = text.substr(0, text.find(" -- "));
        for (auto at = std::sregex_iterator(ours.begin(), ours.end(), flag); at != std::sregex_iterator();
             ++at) {
            CAPTURE(at->str(1));
            CHECK(described->get_option_no_throw(at->str(1)) != nullptr);
        }
    }
}

TEST_CASE("the table of commands in docs/commands.md is complete", "[documents]") {
    static const std::regex row(R"(\| `reseat ([a-z]+).*)");
    static const std::regex word(R"(`reseat ([a-z|\\]+)[^`]*`)");
    std::set<std::string> listed;
    const std::string document = read_file("docs/commands.md").value();
    for (const auto view : split(document, '\n')) {
        const std::string line(view);
        if (!std::regex_match(line, row)) continue;
        const std::string cell = line.substr(0, line.find(" | ", 2));
        for (auto at = std::sregex_iterator(cell.begin(), cell.end(), word); at != std::sregex_iterator();
             ++at) {
            const std::string words = at->str(1);
            for (const auto name : split(words, '|')) listed.emplace(name.substr(0, name.find('\\')));
        }
    }
    CHECK(listed == command_names());
}
