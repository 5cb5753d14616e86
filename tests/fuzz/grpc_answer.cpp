// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"
#include "lb/health/probe/grpc_exchange.hpp"
#include "tests/fuzz/targets.hpp"

#include <algorithm>

namespace reseat::fuzz {
namespace {

/// What it has to say; that is bounded by what it was told.
void drain(lb::GrpcExchange& exchange, std::size_t& sent) {
    for (auto out = exchange.output(); !out.empty(); out = exchange.output()) sent += out.size();
}

}  // namespace

void grpc_answer(Bytes input) {
    lb::decode_health_response(text_of(input));
    if (input.empty()) return;
    const std::size_t piece = input[0] + 1U;
    lb::GrpcExchange exchange("orders", "web.test:50051", "http", std::chrono::seconds(1));
    std::size_t sent = 0;
    for (auto rest = text_of(input.subspan(1)); !rest.empty() && !exchange.result();) {
        drain(exchange, sent);
        exchange.input(rest.substr(0, piece));
        rest.remove_prefix(std::min(piece, rest.size()));
    }
    drain(exchange, sent);
    exchange.end_of_input();
    require(exchange.result().has_value());
    require(!exchange.result()->detail.empty() && exchange.result()->detail.size() < 400);
    require(printable(exchange.result()->detail) == exchange.result()->detail);
    require(sent <= 1024 + 8 * input.size());
}

}  // namespace reseat::fuzz
