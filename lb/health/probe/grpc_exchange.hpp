// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace reseat::lb {

/// grpc.health.v1.Health/Check as one HTTP/2 stream, without I/O: bytes go in and out. Keeps less than 2 KiB
/// of what the peer sends beside nghttp2's own state, which HPACK's table bounds.
/// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and .../health-checking.md
class GrpcExchange {
public:
    /// `scheme`: "http" or "https". `timeout`: sent to the server. Throws std::bad_alloc.
    GrpcExchange(const std::string& service, const std::string& authority, std::string_view scheme,
                 Duration timeout);
    ~GrpcExchange();
    GrpcExchange(const GrpcExchange&) = delete;

    /// What is to be sent now; valid until the next call. Empty: nothing.
    std::string_view output();
    void input(std::string_view bytes);
    /// The peer will send no more.
    void end_of_input();

    /// Once it is known; `latency` is not set.
    const std::optional<ProbeResult>& result() const { return result_; }

private:
    struct Callbacks;
    struct Free {
        void operator()(nghttp2_session* session) const;
    };

    void fail(std::string detail);
    void judge();
    std::optional<std::string> fault_of_status() const;

    std::unique_ptr<nghttp2_session, Free> session_;
    std::string request_;
    std::size_t sent_ = 0;  ///< bytes of request_
    std::string status_;    ///< :status, and what else headers and trailers contain
    std::string content_type_, grpc_status_, grpc_message_;
    std::string response_;    ///< of data frames, cut
    std::string going_away_;  ///< why the peer ends the connection, if it does
    std::string why_;         ///< what nghttp2 says of bytes that it cannot take
    std::optional<ProbeResult> result_;
};

/// grpc.health.v1.HealthCheckRequest with the five bytes that go before it.
std::string encode_health_request(std::string_view service);
/// The status in a HealthCheckResponse with the five bytes before it; nothing: it is none, or compressed.
std::optional<std::uint64_t> decode_health_response(std::string_view message);

}  // namespace reseat::lb
