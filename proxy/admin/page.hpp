// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace reseat::proxy {

/// The body of `GET /`: the status page as one HTML file, made of page/ when reseat is built.
std::string_view status_page();

/// What a browser may do with it: run what is in it, and ask this server.
inline constexpr std::string_view kStatusPagePolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace reseat::proxy
