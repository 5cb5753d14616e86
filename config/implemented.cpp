// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <string_view>
#include <type_traits>
#include <vector>

/// The one place that knows what is still to come: delete a line here when its option works.
namespace reseat::config {
namespace {

using namespace std::chrono_literals;

class Check {
public:
    explicit Check(Diagnostics& out) : out_(out) {}

    /// `advice` is a whole half-sentence: "write 0s or remove the key".
    void refuse(Position at, std::string_view what, std::string_view advice) {
        out_.error(at, fmt::format("{} is not implemented yet; {}", what, advice));
    }

    template <class T>
    void only(const Written<T>& written, std::string_view key, const std::type_identity_t<T>& value,
              std::string_view spelled) {
        if (!written || written->value == value) return;
        refuse(written->at, fmt::format("{}: any value but {}", key, spelled),
               fmt::format("write {} or remove the key", spelled));
    }

private:
    Diagnostics& out_;
};

void check_process(const ConfigFile& file, Check& check) {
    check.only(file.admin_address, "address", "", "\"\"");
}

void check_outlier_detection(const OutlierDetectionBlock& block, Check& check) {
    // Nothing ejects yet, which is what `enabled: false` asks for.
    check.only(block.consecutive_connect_failures, "consecutive_connect_failures", 5, "5");
    check.only(block.interval, "interval", 10s, "10s");
    check.only(block.base_ejection_time, "base_ejection_time", 30s, "30s");
    check.only(block.max_ejection_time, "max_ejection_time", 300s, "300s");
    check.only(block.max_ejection_percent, "max_ejection_percent", 10, "10");
}

void check_service(const ServiceBlock& service, Check& check) {
    check_outlier_detection(service.outlier_detection, check);
}

}  // namespace

void check_implemented(const ConfigFile& file, Diagnostics& out) {
    Check check(out);
    check_process(file, check);
    check_service(file.defaults, check);
    for (const auto& service : file.services) check_service(service, check);
}

}  // namespace reseat::config
