// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace reseat::proxy {

/// The body of `GET /`: the status page as one HTML file, made of page/ when reseat is built.
std::string_view status_page();

/// The Content-Security-Policy of `page`: a browser may run the scripts that are in it, no others whatever
/// ends up in the page, and ask this server. Scripts are between <script> and </script>, unchanged.
std::string page_policy(std::string_view page);

}  // namespace reseat::proxy
