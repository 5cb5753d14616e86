// SPDX-License-Identifier: Apache-2.0
#include "proxy/logging.hpp"

#include "proxy/text.hpp"

#include <boost/json.hpp>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace reseat::proxy {
namespace {

std::string_view name_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::trace:
            return "trace";
        case spdlog::level::debug:
            return "debug";
        case spdlog::level::info:
            return "info";
        case spdlog::level::warn:
            return "warn";
        default:
            return "error";
    }
}

class LineFormatter final : public spdlog::formatter {
public:
    explicit LineFormatter(lb::LogFormat format) : format_(format) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const std::string text = one_line({message.payload.data(), message.payload.size()});
        const std::string time =
            iso8601(std::chrono::time_point_cast<std::chrono::system_clock::duration>(message.time));
        std::string line;
        if (format_ == lb::LogFormat::json)
            line = boost::json::serialize(
                boost::json::object{{"time", time}, {"level", name_of(message.level)}, {"message", text}});
        else
            line = time + " " + std::string(name_of(message.level)) + " " + text;
        line += '\n';
        out.append(line.data(), line.data() + line.size());
    }

    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<LineFormatter>(format_);
    }

private:
    lb::LogFormat format_;
};

spdlog::level::level_enum threshold(lb::LogLevel level) {
    switch (level) {
        case lb::LogLevel::trace:
            return spdlog::level::trace;
        case lb::LogLevel::debug:
            return spdlog::level::debug;
        case lb::LogLevel::info:
            return spdlog::level::info;
        case lb::LogLevel::warn:
            return spdlog::level::warn;
        case lb::LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

void set_up_logging(lb::LogLevel level, lb::LogFormat format) {
    auto logger =
        std::make_shared<spdlog::logger>("reseat", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(std::make_unique<LineFormatter>(format));
    logger->set_level(threshold(level));
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace reseat::proxy
