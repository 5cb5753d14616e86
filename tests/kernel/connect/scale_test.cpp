// SPDX-License-Identifier: Apache-2.0
// Many services and backends.
#include "tests/kernel/support/killable.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

using namespace reseat;
using namespace reseat::test;

namespace {

constexpr unsigned kServices = 10'000, kBackends = 10;

std::string dotted(const char* net, unsigned number, unsigned port) {
    return std::string(net) + "." + std::to_string(number / 65536) + "." +
           std::to_string(number / 256 % 256) + "." + std::to_string(number % 256) + ":" +
           std::to_string(port);
}

lb::Plan huge_plan() {
    lb::Plan plan;
    lb::LifeId life = 1;
    for (unsigned i = 1; i <= kServices; ++i) {
        plan.add_services.push_back(
            {i, "service-" + std::to_string(i), Protocol::tcp, {Where(dotted("172", i, 80).c_str())}});
        lb::Table table{i, Family::v4, {}};
        for (unsigned j = 0; j < kBackends; ++j) {
            plan.begin.push_back({life, i, Where(dotted("10", i * kBackends + j, 8080).c_str())});
            table.slots.push_back(life++);
        }
        plan.tables.push_back(table);
    }
    return plan;
}

double resident_mib() {
    std::ifstream statm("/proc/self/statm");
    long all = 0, resident = 0;
    statm >> all >> resident;
    return static_cast<double>(resident) * 4096 / 1048576;
}

/// What the kernel has in the maps of a pinned set.
double pinned_mib(const std::string& set) {
    double bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(set)) {
        const UniqueFd map(bpf_obj_get(entry.path().c_str()));
        std::ifstream about("/proc/self/fdinfo/" + std::to_string(map.get()));
        for (std::string line; std::getline(about, line);)
            if (line.starts_with("memlock:")) bytes += std::stod(line.substr(8));
    }
    return bytes / 1048576;
}

/// Of this process's and the kernel's time for it: others on the machine do not count.
class Stopwatch {
public:
    double lap_ms() {
        const double now = cpu_ms();
        return now - std::exchange(since_, now);
    }

private:
    static double cpu_ms() {
        timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    }
    double since_ = cpu_ms();
};

}  // namespace

TEST_CASE("10,000 services with 100,000 backends: loaded, one changed, adopted, grown [E37]",
          "[kernel][pin]") {
    const TestCgroup cgroup("scale");
    const BpfFs bpffs("scale");
    asio::io_context io;
    auto options = pinned_in(bpffs);
    options.max_services = kServices + 100;
    options.max_backends = kServices * kBackends + 100;
    options.max_slots = 2 * options.max_backends;
    const double before = resident_mib();
    Stopwatch watch;
    auto plane = bpf::KernelDataPlane::attach(io.get_executor(), cgroup.path(), options);
    REQUIRE(plane.has_value());
    const double attached = watch.lap_ms();
    const auto all = huge_plan();
    watch.lap_ms();
    REQUIRE((*plane)->publish(all).has_value());
    const double loaded = watch.lap_ms();

    lb::Plan one;
    one.begin = {{kServices * kBackends + 1, 5000, Where("10.200.0.1:80")}};
    one.tables = {{5000, Family::v4, {kServices * kBackends + 1}}};
    one.condemn = {kBackends * 5000};
    watch.lap_ms();
    REQUIRE((*plane)->publish(one).has_value());
    const double changed = watch.lap_ms();
    const double resident = resident_mib() - before, kernel = pinned_mib(options.pin + "/maps-1");

    plane = Error{};
    watch.lap_ms();
    plane = bpf::KernelDataPlane::attach(io.get_executor(), cgroup.path(), options);
    REQUIRE(plane.has_value());
    const double adopted = watch.lap_ms();
    CHECK((*plane)->inheritance().services.size() == kServices);
    CHECK((*plane)->inheritance().lives.size() == kServices * kBackends + 1);
    lb::Plan more;
    for (unsigned i = 0; i < 200; ++i)
        more.begin.push_back(
            {(*plane)->first_unused_life() + i, 7, Where(dotted("10", 200'000 + i, 81).c_str())});
    watch.lap_ms();
    REQUIRE((*plane)->publish(more).has_value());
    const double grown = watch.lap_ms();
    std::printf(
        "scale: attach %.0f ms, load %.0f ms, change one %.2f ms, adopt %.0f ms, grow %.0f ms; "
        "%.0f MiB resident, %.0f MiB in the kernel\n",
        attached, loaded, changed, adopted, grown, resident, kernel);
    CHECK(kernel < 128);
    if (test::kSlowness == 1) CHECK(resident < 256);  // sanitizers keep what is freed
    CHECK(changed * 20 < loaded);
    (*plane)->unpin();
}
