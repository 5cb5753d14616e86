// SPDX-License-Identifier: Apache-2.0
#include "bench/measurements.hpp"
#include "bench/stage.hpp"
#include "proxy/instance/left_behind.hpp"
#include "proxy/sidecar/logging.hpp"
#include "proxy/workload/cgroup_mount.hpp"
#include "proxy/workload/workload.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

namespace reseat::bench {
namespace {

struct Measurement {
    std::string name;
    std::string title;
    std::vector<Figure> (*run)(bool quick);
};

const Measurement kMeasurements[] = {
    {"bpf_time", "BPF run time of connect + echo + close", bpf_time},
    {"policy_time", "BPF run time of a connect that policies judge and none denies", policy_time},
    {"selection_time", "BPF run time of a connect by each lb_policy, few and many backends and services",
     selection_time},
    {"consistent_hashing", "Maglev's evaluation of consistent hashing, done again: 1,000 backends",
     consistent_hashing},
    {"health_event", "a verdict rewrites one table, whatever else is configured", health_event},
    {"connect_ratio", "connect + echo + close through a service and past it (ratio: throughput)",
     connect_ratio},
    {"process_death", "a server process dies by kill -9; default thresholds, watch on", process_death},
    {"vanished_host", "a host vanishes without a word", vanished_host},
    {"wake_up", "from the verdict to the clients, and what others need for it", wake_up},
    {"terminate", "10 clients among ever more bystanders, and whole backends, by each engine", terminate},
    {"check_cost", "1,000 backends, each checked every 5 seconds by a tcp connect", check_cost},
};

volatile std::sig_atomic_t interrupted = 0;

boost::json::object machine() {
    utsname names{};
    ::uname(&names);
    std::ifstream load("/proc/loadavg");
    double one = 0;
    load >> one;
    return {{"kernel", std::string(names.release)},
            {"machine", std::string(names.machine)},
            {"cores", std::thread::hardware_concurrency()},
            {"load_average_1min", one},
            {"build", RESEAT_BUILD_TYPE}};
}

/// In a process of its own, so that no measurement inherits another one's threads and descriptors.
int measure(const Measurement& measurement, bool quick, const std::string& file) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_IGN);
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, SIG_DFL);
    try {
        boost::json::array figures;
        for (const auto& figure : measurement.run(quick)) {
            print(figure);
            figures.push_back(to_json(figure));
        }
        std::ofstream(file) << boost::json::serialize(figures);
        return 0;
    } catch (const std::exception& error) {
        std::printf("  cannot measure: %s\n", error.what());
        return 1;
    }
}

/// The figures; null when there are none.
boost::json::value measure_apart(const Measurement& measurement, bool quick, const std::string& file) {
    std::printf("\n%s\n", measurement.title.c_str());
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const int status = measure(measurement, quick, file);
        std::fflush(stdout);
        ::_exit(status);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) ::kill(pid, SIGTERM);
    boost::json::value figures;
    if (status == 0) {
        std::ifstream in(file);
        figures = boost::json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    }
    std::remove(file.c_str());
    return figures;
}

/// What a measurement that was killed could not remove.
void clean_up() {
    const auto mount = proxy::cgroup_mount();
    if (!mount) return;
    for (const auto* kind : {"reseat-bench-workload-", "reseat-bench-outside-"})
        for (const auto& directory : proxy::left_behind(mount->path, kind))
            for (int i = 0; i < 200 && ::rmdir(directory.c_str()) != 0 && errno == EBUSY; ++i)
                pause_for(std::chrono::milliseconds(10));
}

int run_all(bool quick, const std::vector<std::string>& wanted, const std::string& file) {
    boost::json::object results{{"machine", machine()}, {"quick", quick}};
    const auto& about = results["machine"].as_object();
    std::printf("Linux %s, %s, %s cores, load %s%s\n", about.at("kernel").as_string().c_str(),
                about.at("machine").as_string().c_str(), boost::json::serialize(about.at("cores")).c_str(),
                boost::json::serialize(about.at("load_average_1min")).c_str(),
                quick ? "; --quick: too few rounds to conclude anything" : "");
    print_header();
    bool complete = true;
    for (const auto& measurement : kMeasurements) {
        if (interrupted) break;
        if (!wanted.empty() && std::ranges::find(wanted, measurement.name) == wanted.end()) continue;
        auto figures = measure_apart(measurement, quick, file + ".part");
        complete = complete && !figures.is_null();
        results[measurement.name] = std::move(figures);
    }
    results["load_average_1min_after"] = machine()["load_average_1min"];
    clean_up();
    std::ofstream(file) << boost::json::serialize(results) << "\n";
    std::printf("\n%s\n", file.c_str());
    return complete && !interrupted ? 0 : 1;
}

}  // namespace
}  // namespace reseat::bench

int main(int argc, char** argv) {
    using namespace reseat;
    bool quick = false;
    std::string file = "bench.json";
    std::vector<std::string> wanted;
    CLI::App app("Measures reseat, side by side with its peers");
    app.add_flag("--quick", quick, "few rounds, to see that it works");
    app.add_option("--json", file, "where the results go");
    std::vector<std::string> names;
    for (const auto& measurement : bench::kMeasurements) names.push_back(measurement.name);
    app.add_option("measurement", wanted, "only these")->check(CLI::IsMember(names));
    CLI11_PARSE(app, argc, argv);
    struct sigaction note = {};
    note.sa_handler = [](int) { bench::interrupted = 1; };
    for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &note, nullptr);
    proxy::set_up_logging(lb::LogLevel::error, lb::LogFormat::text);
    return bench::run_all(quick, wanted, file);
}
