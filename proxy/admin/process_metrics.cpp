// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"
#include "base/text.hpp"
#include "proxy/admin/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

MetricFamily one(MetricFamily family, double value) {
    family.add({}, value);
    return family;
}

/// /proc/self/statm: sizes in pages; the second is what is resident.
double resident_bytes() {
    const auto text = read_file("/proc/self/statm");
    const auto words = split(text ? std::string_view(*text) : "", ' ');
    return words.size() < 2
               ? 0
               : std::stod("0" + std::string(words[1])) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
    std::error_code ignored;
    const std::filesystem::directory_iterator descriptors("/proc/self/fd", ignored);
    return static_cast<double>(std::distance(begin(descriptors), end(descriptors)));
}

double most_descriptors() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

MetricFamilies process_metrics() {
    using Family = MetricFamily;
    MetricFamilies all;
    all.push_back(
        one(Family::counter("process_cpu_seconds_total", "Total user and system CPU time in seconds."),
            cpu_seconds())
            .take());
    all.push_back(one(Family::gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
                      resident_bytes())
                      .take());
    all.push_back(
        one(Family::gauge("process_open_fds", "Number of open file descriptors."), open_descriptors())
            .take());
    all.push_back(
        one(Family::gauge("process_max_fds", "Maximum number of open file descriptors."), most_descriptors())
            .take());
    return all;
}

}  // namespace reseat::proxy
