// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/logging.hpp"

#include "base/text.hpp"
#include "proxy/admin/lists_json.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

/// The event that this thread is logging.
thread_local const lb::Event* current_event = nullptr;

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

/// As syslog(3) numbers them.
int priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::trace:
        case spdlog::level::debug:
            return 7;
        case spdlog::level::info:
            return 6;
        case spdlog::level::warn:
            return 4;
        default:
            return 3;
    }
}

/// $JOURNAL_STREAM says which device and inode lead to the journal (systemd.exec(5)).
bool stderr_is_the_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat here = {};
    return stream && ::fstat(STDERR_FILENO, &here) == 0 &&
           fmt::format("{}:{}", here.st_dev, here.st_ino) == stream;
}

void add_fields(boost::json::object& line, const lb::Event& event) {
    line["event"] = word_of(event.type);
    if (!event.service.empty()) line["service"] = event.service;
    if (!event.backend.empty()) line["backend"] = event.backend;
    if (event.report) line["report"] = report_json(*event.report);
}

class LineFormatter final : public spdlog::formatter {
public:
    /// `to_journal`: it has the time and the level beside the line, and takes the level from "<N>" before it.
    LineFormatter(lb::LogFormat format, bool to_journal) : format_(format), to_journal_(to_journal) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const std::string text = one_line({message.payload.data(), message.payload.size()});
        const std::string time =
            iso8601(std::chrono::time_point_cast<std::chrono::system_clock::duration>(message.time));
        if (to_journal_) fmt::format_to(std::back_inserter(out), "<{}>", priority_of(message.level));
        if (format_ == lb::LogFormat::json) {
            boost::json::object fields{{"time", time}, {"level", name_of(message.level)}, {"message", text}};
            if (current_event) add_fields(fields, *current_event);
            fmt::format_to(std::back_inserter(out), "{}\n", boost::json::serialize(fields));
        } else if (to_journal_) {
            fmt::format_to(std::back_inserter(out), "{}\n", text);
        } else {
            fmt::format_to(std::back_inserter(out), "{} {} {}\n", time, name_of(message.level), text);
        }
    }

    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<LineFormatter>(format_, to_journal_);
    }

private:
    lb::LogFormat format_;
    bool to_journal_;
};

/// Passes on what is logged that is not an event.
class WarningSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    WarningSink() { set_level(spdlog::level::warn); }

    void pass_on_to(lb::EventSink tell) {
        const std::lock_guard lock(mutex_);
        tell_ = std::move(tell);
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (!tell_ || current_event) return;
        const bool bad = message.level > spdlog::level::warn;
        tell_({.type = lb::Event::Type::warning,
               .level = bad ? lb::Event::Level::error : lb::Event::Level::warn,
               .message = std::string(message.payload.data(), message.payload.size())});
    }
    void flush_() override {}

    lb::EventSink tell_;
};

/// Of all loggers that set_up_logging() makes.
const std::shared_ptr<WarningSink>& warnings() {
    static const auto sink = std::make_shared<WarningSink>();
    return sink;
}

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
    auto lines = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    lines->set_formatter(std::make_unique<LineFormatter>(format, stderr_is_the_journal()));
    lines->set_level(threshold(level));
    auto logger = std::make_shared<spdlog::logger>("reseat", spdlog::sinks_init_list{lines, warnings()});
    logger->set_level(std::min(threshold(level), spdlog::level::warn));
    spdlog::set_default_logger(std::move(logger));
}

void log(const lb::Event& event) {
    current_event = &event;
    lb::log_event(event);
    current_event = nullptr;
}

WarningsAsEvents::WarningsAsEvents(lb::EventSink tell) {
    warnings()->pass_on_to(std::move(tell));
}

WarningsAsEvents::~WarningsAsEvents() {
    warnings()->pass_on_to(nullptr);
}

}  // namespace reseat::proxy
