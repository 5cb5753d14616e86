// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// As much of man(7) as the manual pages need.
namespace reseat::proxy::roff {

/// Literal text, of one line or several.
std::string escaped(std::string_view text);

/// `text` as the argument of a macro, in quotes.
std::string argument(std::string_view text);

std::string bold(std::string_view text);

/// ".TH NAME SECTION ...": how a page begins.
std::string title(std::string_view name, int section, std::string_view version);
std::string section(std::string_view heading);
std::string subsection(std::string_view heading);
/// `marked` is roff already, as are the next three.
std::string paragraph(std::string_view marked);
/// `term` hangs out to the left.
std::string item(std::string_view term, std::string_view marked);
/// A line with a bullet.
std::string bullet(std::string_view marked);
/// Lines as they are, indented.
std::string verbatim(std::string_view text);

}  // namespace reseat::proxy::roff
