// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/cli/command_line.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/manual/pages.hpp"
#include "proxy/manual/roff.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cctype>
#include <map>
#include <set>

namespace reseat::proxy {
namespace {

/// variable → the flags that it sets.
using Variables = std::map<std::string, std::set<std::string>>;

/// "-c, --config FILE"
std::string term(const CLI::Option& option) {
    const bool takes_value = option.get_items_expected_max() > 0;
    const std::string value = takes_value ? " \\fI" + roff::escaped(option.get_type_name()) + "\\fR" : "";
    if (option.get_positional()) return value.substr(1);
    std::string names;
    for (const auto& name : option.get_snames()) names += roff::bold("-" + name) + ", ";
    for (const auto& name : option.get_lnames()) names += roff::bold("--" + name);
    return names + value;
}

/// Flags as CLI11 gives them: filled paragraphs, and lines that are indented as they are.
std::string prose(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto end = text.find("\n\n");
        const auto block = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
        const auto example = block.find("Example:\n");
        const auto sentences = block.substr(0, example);
        if (!sentences.empty()) out += roff::paragraph(roff::escaped(sentences));
        if (example == std::string_view::npos) continue;
        std::string lines;
        for (const auto line : split(block.substr(example + std::string_view("Example:\n").size()), '\n'))
            lines += std::string(line.substr(std::min(line.find_first_not_of(' '), line.size()))) + "\n";
        out += roff::paragraph("Example:") + roff::verbatim(lines);
    }
    return out;
}

std::string options(const CLI::App& command, Variables& variables) {
    std::string out;
    for (const auto* option : command.get_options()) {
        if (option == command.get_help_ptr()) continue;
        out += roff::item(term(*option), roff::escaped(option->get_description()) + ".");
        if (!option->get_envname().empty() && option->nonpositional())
            variables[option->get_envname()].insert("--" + option->get_lnames().front());
    }
    return out;
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

std::string commands(Variables& variables) {
    std::string out;
    std::string_view heading;
    for (const Command& command : all_commands()) {
        if (command.group == group::kHidden) continue;
        if (command.group != heading) out += roff::section(upper(heading = command.group));
        Options unused;
        const std::string name(command.name);
        const auto line = command_line(unused, name);
        const CLI::App& described = *line->get_subcommand(name);
        out += roff::subsection(synopsis(described));
        out += roff::escaped(command.summary) + ".\n" + options(described, variables) + prose(command.help);
    }
    return out;
}

std::string environment(const Variables& variables) {
    std::string out =
        roff::section("ENVIRONMENT") +
        roff::paragraph(
            "Each flag can also be set by an environment variable; the command line takes precedence.");
    for (const auto& [variable, flags] : variables) {
        std::string named;
        for (const auto& flag : flags) named += (named.empty() ? "" : ", ") + roff::bold(flag);
        out += roff::item(roff::bold(variable), named);
    }
    return out + roff::item(roff::bold("NO_COLOR"),
                            "If set, output has no colours, as when standard output is not a terminal.");
}

std::string exit_status() {
    std::string out = roff::section("EXIT STATUS");
    for (const auto& [status, meaning] :
         {std::pair{"0", "Success."},
          {"1", "Failed at run time."},
          {"2", "The command line is wrong."},
          {"3", "The configuration is invalid."},
          {"4", "A kernel feature, a capability or a mount is missing; reseat doctor shows which."},
          {"125, 126, 127",
           "For exec: reseat failed or its arguments are wrong; CMD cannot be run; CMD was not found."}})
        out += roff::item(roff::bold(status), roff::escaped(meaning));
    return out;
}

}  // namespace

std::string command_page() {
    Variables variables;
    std::string out =
        ".\\\" SPDX-License-Identifier: Apache-2.0\n" + roff::title("reseat", 1, RESEAT_VERSION) +
        roff::section("NAME") + "reseat \\- a load balancer inside connect()\n" + roff::section("SYNOPSIS") +
        roff::bold("reseat") + " \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n" + roff::section("DESCRIPTION");
    out += roff::escaped(
        "reseat runs beside one workload (a container, a systemd service, a command) and balances its "
        "connections\n"
        "in the kernel: a connect to a service address goes straight to a live backend. It checks the "
        "backends,\n"
        "and when one fails it terminates or re-points the client sockets connected to it. A file "
        "configures\n"
        "what is balanced, see reseat.yaml(5). The commands that inspect or change a running instance use\n"
        "its admin socket.\n");
    out += commands(variables);  // first: it finds the variables
    out += environment(variables) + exit_status();
    out +=
        roff::section("FILES") +
        roff::item("\\fI/run/reseat/INSTANCE/admin.sock\\fR", "Admin socket of a running instance.") +
        roff::item("\\fI/sys/fs/bpf/reseat/INSTANCE\\fR", "Pinned BPF objects, which outlive the instance.");
    return out + roff::section("SEE ALSO") + roff::bold("reseat.yaml") + "(5)\n";
}

}  // namespace reseat::proxy
