// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace reseat::proxy {

/// What the admin interface may ask of the process.
struct AdminView {
    std::function<boost::json::object()> status;
    std::function<bool()> ready;
};

/// An answer, without HTTP's framing.
struct Reply {
    unsigned status = 200;
    std::string body;   ///< JSON and a newline
    std::string allow;  ///< the Allow header of a 405; empty otherwise
};

/// Answers one request; `target` with or without a query. 404 and 405 as the error body.
Reply answer(std::string_view method, std::string_view target, const AdminView& view);

/// {"error": {"code": ..., "message": ..., "hint": ...}}.
Reply error_reply(unsigned status, std::string_view code, std::string_view message, std::string_view hint);

}  // namespace reseat::proxy
