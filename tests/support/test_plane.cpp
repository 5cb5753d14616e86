// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_plane.hpp"

#include <algorithm>
#include <cstdio>

namespace reseat::test {
namespace {

void add(lb::TerminationReport& sum, const lb::TerminationReport& part) {
    sum.matched += part.matched;
    sum.terminated += part.terminated;
    sum.repointed += part.repointed;
    sum.failed += part.failed;
    if (sum.first_failure.empty()) sum.first_failure = part.first_failure;
    sum.duration += part.duration;
}

}  // namespace

lb::Service service(const Where& address, const std::vector<Endpoint>& backends, Protocol protocol) {
    lb::Service service;
    service.name = to_string(address) + "/" + std::string(to_string(protocol));
    service.protocol = protocol;
    service.addresses = {address};
    for (const auto& backend : backends) service.backends.push_back({to_string(backend), backend});
    return service;
}

TestPlane::TestPlane(const Sandbox& box, const std::vector<lb::Service>& services,
                     const bpf::KernelOptions& options)
    : work_(io_.get_executor()) {
    auto attached = bpf::KernelDataPlane::attach(io_.get_executor(), box.cgroup().path(), options);
    if (!attached) throw std::runtime_error(attached.error().message);
    kernel_ = std::move(*attached);
    next_life_ = kernel_->first_unused_life();
    const lb::Inheritance inherited = kernel_->inheritance();
    next_service_ = inherited.first_unused_service;
    lb::Plan plan;
    for (const auto& from : services) add_service(plan, from, inherited);
    publish(plan);
    watch_ = spawn(io_.get_executor(), "watch",
                   kernel_->watch([this](lb::LifeId life) { raced_.push_back(life); },
                                  [this](lb::LifeId life) { failing_.push_back(life); }),
                   [](const std::string& what) { std::fprintf(stderr, "test plane: %s\n", what.c_str()); });
}

void TestPlane::add_service(lb::Plan& plan, const lb::Service& from, const lb::Inheritance& inherited) {
    Entry entry;
    entry.connections = from.connections;
    entry.spec = {0, from.name, from.protocol, from.addresses, from.lb_policy, from.hash_key};
    for (const auto& known : inherited.services)
        if (known.name == from.name && known.protocol == from.protocol) entry.spec.id = known.id;
    const bool is_new = entry.spec.id == 0;
    if (is_new) entry.spec.id = next_service_++;
    (is_new ? plan.add_services : plan.change_services).push_back(entry.spec);
    for (const auto& life : inherited.lives)
        if (life.spec.service == entry.spec.id)
            entry.lives.push_back(
                {life.spec.life, life.spec.backend, life.state == lb::Inheritance::State::serving});
    for (const auto& backend : from.backends) {
        const auto runs = [&](const Life& life) { return life.running && life.backend == backend.endpoint; };
        if (std::ranges::any_of(entry.lives, runs)) continue;
        entry.lives.push_back({next_life_++, backend.endpoint});
        plan.begin.push_back({entry.lives.back().id, entry.spec.id, backend.endpoint});
    }
    add_tables(plan, entry);
    entries_.push_back(std::move(entry));
}

lb::ServiceId TestPlane::service_id(const std::string& service) const {
    for (const auto& entry : entries_)
        if (entry.spec.name == service) return entry.spec.id;
    throw std::runtime_error("the test plane has no service " + service);
}

TestPlane::~TestPlane() {
    watch_.cancel();
    work_.reset();
    io_.run_for(std::chrono::seconds(2));  // coroutines end before the data plane that they use
}

void TestPlane::add_tables(lb::Plan& plan, const Entry& entry) const {
    for (const auto family : {Family::v4, Family::v6}) {
        lb::Table table{entry.spec.id, family, {}};
        for (const auto& life : entry.lives)
            if (life.running && life.backend.address.family() == family) table.slots.push_back(life.id);
        plan.tables.push_back(std::move(table));
    }
}

lb::LifeId TestPlane::life(const std::string& service, const Endpoint& backend) const {
    for (const auto& entry : entries_)
        for (const auto& life : entry.lives)
            if (entry.spec.name == service && life.running && life.backend == backend) return life.id;
    return 0;
}

std::vector<lb::LifeId> TestPlane::take_out(const Endpoint& backend) {
    lb::Plan plan;
    for (auto& entry : entries_) {
        const auto before = plan.condemn.size();
        for (auto& life : entry.lives) {
            if (!life.running || life.backend != backend) continue;
            life.running = false;
            plan.condemn.push_back(life.id);
        }
        if (plan.condemn.size() != before) add_tables(plan, entry);
    }
    if (!plan.condemn.empty()) publish(plan);
    return plan.condemn;
}

lb::TerminationReport TestPlane::reseat(lb::LifeId id) {
    for (const auto& entry : entries_)
        for (const auto& life : entry.lives)
            if (life.id == id)
                return run(kernel_->reseat(
                    {.life = id, .udp = entry.connections.udp, .spread = entry.connections.close_spread}));
    throw std::runtime_error("the test plane has no such life");
}

lb::TerminationReport TestPlane::condemn(const Endpoint& backend) {
    lb::TerminationReport sum;
    for (const auto life : take_out(backend)) add(sum, reseat(life));
    return sum;
}

lb::TerminationReport TestPlane::condemn(const BackendHost& host) {
    auto sum = condemn(host.endpoint(Family::v4));
    add(sum, condemn(host.endpoint(Family::v6)));
    return sum;
}

void TestPlane::bring_back(const Endpoint& backend) {
    lb::Plan plan;
    for (auto& entry : entries_) {
        const auto is_it = [&](const Life& life) { return life.backend == backend; };
        const auto runs = [&](const Life& life) { return is_it(life) && life.running; };
        if (std::ranges::none_of(entry.lives, is_it) || std::ranges::any_of(entry.lives, runs)) continue;
        entry.lives.push_back({next_life_++, backend});
        plan.begin.push_back({entry.lives.back().id, entry.spec.id, backend});
        add_tables(plan, entry);
    }
    if (!plan.begin.empty()) publish(plan);
}

void TestPlane::publish(const lb::Plan& plan) {
    if (const auto done = kernel_->publish(plan); !done) throw std::runtime_error(done.error().message);
}

}  // namespace reseat::test
