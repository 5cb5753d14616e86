// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/completion.hpp"

#include "base/text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace reseat::proxy {
namespace {

using Words = std::vector<std::string>;

bool is_flag(const std::string& word) {
    return word.size() > 1 && word.front() == '-';
}

/// The option that `flag` names; null: there is none.
const CLI::Option* option_of(const CLI::App& command, const std::string& flag) {
    return command.get_option_no_throw(flag);
}

bool takes_value(const CLI::Option* option) {
    return option != nullptr && option->get_items_expected_max() > 0;
}

/// Of --flag=value the flag, or the value.
std::pair<std::string, std::string> halves(const std::string& word) {
    const auto sign = word.find('=');
    return {word.substr(0, sign), word.substr(sign + 1)};
}

Words values(const std::string& type, const std::string& begun, const RunningNames& names) {
    if (type == "FILE" || type == "PATH" || type == "SOCKET") return {kFiles};
    if (type == "DIR") return {kDirectories};
    if (type == "NAME") return names.instances();
    if (type == "SERVICE") return names.services();
    if (type.starts_with("SERVICE")) {
        if (begun.find('/') != std::string::npos) return names.backends();
        Words all = names.services();
        if (type == "SERVICE/BACKEND")
            for (auto& name : all) name += "/";
        return all;
    }
    Words words;
    if (type.find('|') != std::string::npos)
        for (const auto word : split(type, '|')) words.emplace_back(word);
    return words;
}

Words flags_of(const CLI::App& command) {
    Words flags;
    for (const auto* option : command.get_options([](const CLI::Option* o) { return o->nonpositional(); }))
        for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
    return flags;
}

Words commands_of(const CLI::App& line) {
    Words names;
    for (const auto* command : line.get_subcommands([](const CLI::App*) { return true; }))
        if (!command->get_group().empty()) names.push_back(command->get_name());
    return names;
}

/// The argument that follows those in `before`; null: none does.
const CLI::Option* next_argument(const CLI::App& command, const Words& before) {
    std::size_t seen = 0;
    for (std::size_t i = 1; i < before.size(); ++i) {
        if (!is_flag(before[i]))
            ++seen;
        else if (before[i].find('=') == std::string::npos && takes_value(option_of(command, before[i])))
            ++i;
    }
    const auto arguments = command.get_options([](const CLI::Option* o) { return o->get_positional(); });
    return seen < arguments.size() ? arguments[seen] : nullptr;
}

/// Of `exec` and its CMD: where its words begin; nothing: not yet.
std::optional<std::size_t> child_begins(const CLI::App& command, const Words& before) {
    if (!command.get_prefix_command()) return std::nullopt;
    for (std::size_t i = 1; i < before.size(); ++i) {
        if (before[i] == "--") return i + 1;
        if (!is_flag(before[i])) return i;
        if (before[i].find('=') == std::string::npos && takes_value(option_of(command, before[i]))) ++i;
    }
    return std::nullopt;
}

Words all_completions(const CLI::App& line, const Words& before, const std::string& word,
                      const RunningNames& names) {
    if (before.empty()) return is_flag(word) || word == "-" ? flags_of(line) : commands_of(line);
    const auto named =
        line.get_subcommands([&](const CLI::App* one) { return one->get_name() == before.front(); });
    if (named.empty()) return {};
    const CLI::App* command = named.front();
    if (const auto child = child_begins(*command, before))
        return {*child == before.size() ? kCommands : kFiles};
    const auto [flag, begun] = halves(word);
    if (is_flag(word) && flag != word) {
        const auto* option = option_of(*command, flag);
        auto found = takes_value(option) ? values(option->get_type_name(), begun, names) : Words{};
        for (auto& value : found)
            if (!value.starts_with('<')) value = flag + "=" + value;
        return found;
    }
    if (const auto* option = is_flag(before.back()) ? option_of(*command, before.back()) : nullptr;
        takes_value(option))
        return values(option->get_type_name(), word, names);
    if (word.starts_with('-')) return flags_of(*command);
    if (const auto* argument = next_argument(*command, before))
        return values(argument->get_type_name(), word, names);
    return command->get_prefix_command() ? Words{kCommands} : flags_of(*command);
}

}  // namespace

std::vector<std::string> completions(const CLI::App& line, const Words& words, const RunningNames& names) {
    const std::string word = words.empty() ? "" : words.back();
    const Words before(words.begin(), words.empty() ? words.end() : words.end() - 1);
    Words found = all_completions(line, before, word, names);
    std::erase_if(found, [&](const auto& one) { return !one.starts_with('<') && !one.starts_with(word); });
    return found;
}

}  // namespace reseat::proxy
