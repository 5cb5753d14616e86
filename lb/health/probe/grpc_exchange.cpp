// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/grpc_exchange.hpp"

#include "lb/health/probe/probe_socket.hpp"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <vector>

namespace reseat::lb {
namespace {

constexpr std::size_t kMaxResponse = 1024;  ///< a HealthCheckResponse has 7 bytes
constexpr std::size_t kMaxText = 128;       ///< of a header that we keep

constexpr std::array<std::string_view, 17> kStatusNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::array<std::string_view, 4> kServingNames = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                                           "SERVICE_UNKNOWN"};
constexpr std::uint64_t kServing = 1;

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv header(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view from) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(from.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

/// As many milliseconds as its eight digits hold.
std::string grpc_timeout(Duration timeout) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return fmt::format("{}m", std::clamp<long long>(milliseconds, 1, 99'999'999));
}

/// "5 NOT_FOUND", or the text itself if it is not a number with a name.
std::string named_status(const std::string& number) {
    for (std::size_t i = 0; i < kStatusNames.size(); ++i)
        if (number == std::to_string(i)) return fmt::format("{} {}", number, kStatusNames[i]);
    return abbreviated(number);
}

}  // namespace

struct GrpcExchange::Callbacks {
    static GrpcExchange& of(void* user) { return *static_cast<GrpcExchange*>(user); }

    static ssize_t read_request(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                                std::uint32_t* flags, nghttp2_data_source*, void* user) {
        auto& exchange = of(user);
        const auto size = std::min(room, exchange.request_.size() - exchange.sent_);
        std::memcpy(into, exchange.request_.data() + exchange.sent_, size);
        exchange.sent_ += size;
        if (exchange.sent_ == exchange.request_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }

    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user) {
        auto& exchange = of(user);
        const std::pair<std::string_view, std::string*> kept[] = {{":status", &exchange.status_},
                                                                  {"content-type", &exchange.content_type_},
                                                                  {"grpc-status", &exchange.grpc_status_},
                                                                  {"grpc-message", &exchange.grpc_message_}};
        for (const auto& [wanted, into] : kept)
            if (text(name, name_size) == wanted) *into = text(value, std::min(value_size, kMaxText));
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes,
                       std::size_t size, void* user) {
        auto& response = of(user).response_;
        response += text(bytes, std::min(size, kMaxResponse + 1 - response.size()));
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type != NGHTTP2_GOAWAY) return 0;
        auto& why = of(user).going_away_;
        why = nghttp2_http2_strerror(frame->goaway.error_code);
        if (frame->goaway.opaque_data_len > 0)
            why += fmt::format(" ({})",
                               abbreviated(text(frame->goaway.opaque_data, frame->goaway.opaque_data_len)));
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t, std::uint32_t error, void* user) {
        auto& exchange = of(user);
        // A server that answers before it has read all resets the stream with NO_ERROR.
        if (error == NGHTTP2_NO_ERROR)
            exchange.judge();
        else
            exchange.fail(fmt::format("the stream was reset: {}", nghttp2_http2_strerror(error)));
        return 0;
    }

    static int on_error(nghttp2_session*, int, const char* message, std::size_t size, void* user) {
        auto& why = of(user).why_;
        if (why.empty()) why = abbreviated({message, size});
        return 0;
    }

    static nghttp2_session* open(GrpcExchange& exchange) {
        nghttp2_session_callbacks* callbacks = nullptr;
        if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
        nghttp2_session* session = nullptr;
        const int failed = nghttp2_session_client_new(&session, callbacks, &exchange);
        nghttp2_session_callbacks_del(callbacks);
        if (failed != 0) throw std::bad_alloc();
        return session;
    }
};

void GrpcExchange::Free::operator()(nghttp2_session* session) const {
    nghttp2_session_del(session);
}

GrpcExchange::GrpcExchange(const std::string& service, const std::string& authority, std::string_view scheme,
                           Duration timeout)
    : session_(Callbacks::open(*this)), request_(encode_health_request(service)) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kMaxAnswer) - 1},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 8 * 1024}};
    const auto patience = grpc_timeout(timeout);
    const std::vector<nghttp2_nv> headers = {header(":method", "POST"),
                                             header(":scheme", scheme),
                                             header(":path", "/grpc.health.v1.Health/Check"),
                                             header(":authority", authority),
                                             header("te", "trailers"),
                                             header("content-type", "application/grpc"),
                                             header("user-agent", "reseat"),
                                             header("grpc-timeout", patience)};
    const nghttp2_data_provider body = {.source = {}, .read_callback = Callbacks::read_request};
    if (nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
        nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &body, nullptr) < 0)
        throw std::bad_alloc();
}

GrpcExchange::~GrpcExchange() = default;

std::string_view GrpcExchange::output() {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) fail(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0 && !nghttp2_session_want_read(session_.get()))
        fail(why_.empty() ? "HTTP/2 ended before the answer" : "not HTTP/2: " + why_);
    return size > 0 ? text(bytes, static_cast<std::size_t>(size)) : std::string_view();
}

void GrpcExchange::input(std::string_view bytes) {
    const auto taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) fail(fmt::format("not HTTP/2: {}", nghttp2_strerror(static_cast<int>(taken))));
}

void GrpcExchange::end_of_input() {
    fail("connection closed before the answer");
}

void GrpcExchange::fail(std::string detail) {
    if (result_) return;
    if (!going_away_.empty()) detail += fmt::format("; GOAWAY: {}", going_away_);
    result_ = ProbeResult{ProbeOutcome::answered_badly, std::move(detail)};
}

/// The answer is complete. Later checks rely on earlier ones.
void GrpcExchange::judge() {
    if (auto fault = fault_of_status()) return fail(std::move(*fault));
    const auto serving = decode_health_response(response_);
    if (!serving) return fail(fmt::format("{} bytes that are not a HealthCheckResponse", response_.size()));
    if (*serving == kServing) {
        result_ = ProbeResult{ProbeOutcome::passed, "SERVING"};
        return;
    }
    fail(*serving < kServingNames.size() ? std::string(kServingNames[*serving])
                                         : fmt::format("unknown status {}", *serving));
}

std::optional<std::string> GrpcExchange::fault_of_status() const {
    if (!grpc_status_.empty() && grpc_status_ != "0")
        return fmt::format("gRPC status {}{}{}", named_status(grpc_status_),
                           grpc_message_.empty() ? "" : ": ", abbreviated(grpc_message_));
    if (status_.empty()) return "the stream ended without an answer";
    if (status_ != "200") return fmt::format("HTTP {}, expected 200", abbreviated(status_));
    if (!content_type_.starts_with("application/grpc"))
        return fmt::format("not gRPC: content-type '{}'", abbreviated(content_type_));
    if (grpc_status_.empty()) return "the answer has no grpc-status";
    return std::nullopt;
}

}  // namespace reseat::lb
