// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"

#include "base/url.hpp"
#include "proxy/instance/client.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

Result<std::string> body_of(const Result<HttpReply>& reply, const std::string& socket) {
    if (!reply) return reply.error();
    if (reply->status != 200) return error_of(*reply, socket);
    return reply->body;
}

}  // namespace

Result<std::string> instance_socket(const Options& options) {
    return find_admin_socket(options.admin, options.instance);
}

Result<std::string> get(const std::string& socket, const std::string& target) {
    return body_of(admin_get(socket, target), socket);
}

Result<std::string> post(const std::string& socket, const std::string& target) {
    return body_of(admin_post(socket, target), socket);
}

Result<boost::json::object> get_object(const std::string& socket, const std::string& target) {
    const auto body = get(socket, target);
    if (!body) return body.error();
    boost::system::error_code fault;
    auto value = boost::json::parse(*body, fault);
    if (fault || !value.is_object())
        return Error{ErrorCode::failed, "the instance at " + socket + " did not answer with a JSON object"};
    return std::move(value.get_object());
}

Result<boost::json::object> get_object(const Options& options, const std::string& target) {
    const auto socket = instance_socket(options);
    return socket ? get_object(*socket, target) : socket.error();
}

std::string path_to(const Options& options, std::string_view word) {
    std::string path = "/services/" + percent_encoded(options.service);
    if (!options.backend.empty()) path += "/backends/" + percent_encoded(options.backend);
    return path.append("/").append(word);
}

std::string query_for(const Options& options) {
    std::string query;
    if (!options.service.empty()) query += "?service=" + percent_encoded(options.service);
    if (!options.backend.empty()) query += "&backend=" + percent_encoded(options.backend);
    return query;
}

std::string subject(const Options& options) {
    return options.backend.empty() ? options.service : options.service + "/" + options.backend;
}

}  // namespace reseat::proxy
