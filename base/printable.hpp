// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text of others (peers, name servers, the names of processes and files) made fit to be shown.
namespace reseat {

/// The bytes of the UTF-8 character at the start of `text` (RFC 3629, 4); 0 if it is none.
std::size_t utf8_length(std::string_view text);

/// `text` made safe for a line of a terminal, a log or JSON: well-formed UTF-8 in which each control
/// character (C0, DEL, C1), line or paragraph separator and bidirectional control has become `instead`, and
/// so has each byte that is not UTF-8. What it says can neither steer the terminal nor forge or reorder a
/// line.
std::string printable(std::string_view text, char instead = '?');

/// At most `most` bytes of `text`, without cutting a character in half.
std::string_view beginning(std::string_view text, std::size_t most);

}  // namespace reseat
