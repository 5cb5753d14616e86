// SPDX-License-Identifier: Apache-2.0
#include "proxy/manual/roff.hpp"

#include <fmt/format.h>

namespace reseat::proxy::roff {
namespace {

/// A line that begins with one of these is a request.
bool is_control(char c) {
    return c == '.' || c == '\'';
}

std::string line(std::string_view text) {
    return text.ends_with('\n') ? std::string(text) : std::string(text) + "\n";
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    bool at_start = true;
    for (const char c : text) {
        if (at_start && is_control(c)) out += "\\&";
        at_start = c == '\n';
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

std::string argument(std::string_view text) {
    std::string out;
    for (const char c : escaped(text)) out += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return "\"" + out + "\"";
}

std::string bold(std::string_view text) {
    return "\\fB" + escaped(text) + "\\fR";
}

std::string title(std::string_view name, int section, std::string_view version) {
    return fmt::format(".TH {} {} \"\" {} \"reseat\"\n.nh\n.ad l\n", argument(name), section,
                       argument(fmt::format("reseat {}", version)));
}

std::string section(std::string_view heading) {
    return ".SH " + argument(heading) + "\n";
}

std::string subsection(std::string_view heading) {
    return ".SS " + argument(heading) + "\n";
}

std::string paragraph(std::string_view marked) {
    return ".PP\n" + line(marked);
}

std::string item(std::string_view term, std::string_view marked) {
    return ".TP\n" + line(term) + line(marked);
}

std::string bullet(std::string_view marked) {
    return ".IP \\(bu 2\n" + line(marked);
}

std::string verbatim(std::string_view text) {
    return ".PP\n.in +4n\n.nf\n" + line(escaped(text)) + ".fi\n.in\n";
}

}  // namespace reseat::proxy::roff
