// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_data_plane.hpp"

#include "base/run_on.hpp"
#include "bpf/attach/check_sessions.hpp"
#include "bpf/attach/map_handover.hpp"
#include "bpf/attach/pin_directory.hpp"
#include "bpf/events/failing_lives.hpp"
#include "bpf/events/hang_ups.hpp"
#include "bpf/events/index_growth.hpp"
#include "bpf/events/kernel_events.hpp"
#include "bpf/maps/byte_order.hpp"
#include "bpf/maps/grace_period.hpp"
#include "bpf/maps/policy_table.hpp"
#include "bpf/maps/programs.hpp"
#include "bpf/orders/life_orders.hpp"
#include "bpf/orders/order.hpp"
#include "bpf/sockets/listed_sockets.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/sockets/port_resolver.hpp"
#include "bpf/sockets/process_sockets.hpp"
#include "bpf/sockets/unconnected_sockets.hpp"
#include "bpf/terminate/available.hpp"
#include "bpf/workers/workers.hpp"
#include "bpf/workload/workload_orders.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <filesystem>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLostEventsPause = 1s;

Result<void> exempt(int owner_map, int descriptor) {
    const lb_owner owner{.flags = LB_OWNER_EXEMPT};
    if (bpf_map_update_elem(owner_map, &descriptor, &owner, BPF_ANY))
        return system_error("exempt a socket of reseat from balancing", errno);
    return {};
}

}  // namespace

struct KernelDataPlane::Impl {
    asio::any_io_executor executor;
    std::string cgroup;
    std::unique_ptr<MapHandover> handover;
    std::shared_ptr<Programs> programs;  ///< of handover; shared with workers, one of which may be stuck
    std::shared_ptr<NetNamespaces> namespaces;
    asio::thread_pool maintenance{1};  ///< waits for grace periods, resolves ports
    std::unique_ptr<Workers> workers;  ///< end and move sockets
    std::unique_ptr<OrderExecutor> order_executor;
    std::unique_ptr<LifeOrders> life_orders;
    std::unique_ptr<GracePeriod> grace;
    std::unique_ptr<PolicyTable> policies;
    std::unique_ptr<WorkloadOrders> workload_orders;
    std::size_t unresolved = 0;                     ///< that the last round left
    std::unique_ptr<CheckSessions> check_sessions;  ///< where health checks may run commands

    ~Impl() { maintenance.join(); }

    Task<void> make_up_for_lost_events(OnLife on_raced, FailingLives& failing, HangUps& hang_ups,
                                       IndexGrowth& growth);
};

KernelDataPlane::KernelDataPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KernelDataPlane::~KernelDataPlane() = default;

Result<std::unique_ptr<KernelDataPlane>> KernelDataPlane::attach(asio::any_io_executor executor,
                                                                 const std::string& cgroup,
                                                                 const KernelOptions& options) {
    auto impl = std::make_unique<Impl>();
    impl->executor = executor;
    impl->cgroup = cgroup;
    impl->grace = std::make_unique<GracePeriod>(executor, impl->maintenance);
    impl->namespaces = std::make_shared<NetNamespaces>(cgroup);
    impl->workers = std::make_unique<Workers>(executor);
    UntrackedSockets older;
    auto note_older = [&](const std::shared_ptr<const Programs>& programs) {
        older = older_sockets(*programs, *impl->namespaces, cgroup);
    };
    auto handover = MapHandover::start(cgroup, options, *impl->grace, note_older);
    if (!handover) return handover.error();
    impl->handover = std::move(*handover);
    impl->programs = impl->handover->shared_programs();
    auto engines = available_engines(impl->programs, impl->namespaces, cgroup, options.only_engine);
    if (!engines) return engines.error();
    auto mark = [owner_map = impl->programs->owner_fd()](int fd) { (void)exempt(owner_map, fd); };
    impl->order_executor = std::make_unique<OrderExecutor>(*impl->workers, impl->programs, impl->namespaces,
                                                           std::move(*engines));
    impl->life_orders = std::make_unique<LifeOrders>(
        *impl->order_executor,
        LifeTools{impl->programs, impl->namespaces, cgroup, mark, options.only_engine});
    impl->workload_orders = std::make_unique<WorkloadOrders>(impl->programs, impl->namespaces, cgroup,
                                                             std::move(older), *impl->order_executor);
    impl->policies = std::make_unique<PolicyTable>(*impl->programs, *impl->grace);
    return std::unique_ptr<KernelDataPlane>(new KernelDataPlane(std::move(impl)));
}

bool KernelDataPlane::pinned() const {
    return impl_->handover->pinned();
}
void KernelDataPlane::unpin() {
    impl_->handover->unpin();
}
bool KernelDataPlane::cgroup_is_gone() const {
    return impl_->handover->cgroup_is_gone();
}

Result<bool> KernelDataPlane::remove_pinned(const std::string& directory) {
    if (std::error_code unknown; !std::filesystem::exists(directory, unknown)) return false;
    const auto pins = PinDirectory::open(directory);
    if (!pins) return pins.error();
    pins->clear();
    pins->remove();
    return true;
}

lb::LifeId KernelDataPlane::first_unused_life() const {
    return impl_->handover->lives().first_unused();
}
lb::Inheritance KernelDataPlane::inheritance() const {
    return impl_->handover->inheritance();
}
Result<void> KernelDataPlane::publish(const lb::Plan& plan) {
    return impl_->handover->publish(plan);
}

Task<lb::TerminationReport> KernelDataPlane::reseat(lb::ReseatOrder order) {
    const auto backend = impl_->handover->lives().index_of(order.life);
    if (!backend) co_return lb::TerminationReport{};  // retired: no socket hangs on it
    Task<lb::TerminationReport> run = impl_->life_orders->reseat(order, *backend);
    co_return co_await std::move(run);
}

std::uint64_t KernelDataPlane::open_sockets(lb::LifeId life) const {
    const auto index = impl_->handover->lives().index_of(life);
    return index ? impl_->handover->open(*index) : 0;
}

bool KernelDataPlane::is_idle(lb::LifeId life) const {
    const auto index = impl_->handover->lives().index_of(life);
    // In this order: what stops to count is counted as left before.
    return !index || (impl_->handover->open(*index) == 0 && impl_->handover->left(*index) == 0);
}

std::uint64_t KernelDataPlane::connects_total(lb::LifeId life) const {
    const auto index = impl_->handover->lives().index_of(life);
    return index ? impl_->handover->connects(*index) : 0;
}

lb::ConnectOutcomes KernelDataPlane::connect_outcomes(lb::LifeId life) const {
    return read_outcomes(*impl_->handover, life);
}

void KernelDataPlane::forgive(lb::LifeId life) {
    forget_row(*impl_->handover, life);
}

Task<std::deque<lb::SocketInfo>> KernelDataPlane::sockets(std::vector<lb::LifeId> lives) {
    std::vector<FiledLife> filed;
    for (const lb::LifeId life : lives)
        if (const auto index = impl_->handover->lives().index_of(life)) filed.push_back({*index, life});
    auto list = [](const Programs& programs,
                   std::vector<FiledLife> which) -> Task<std::deque<lb::SocketInfo>> {
        co_return list_sockets(programs, which);
    };
    auto task = list(*impl_->programs, std::move(filed));
    co_return co_await run_on(impl_->maintenance, std::move(task));
}

Task<lb::TerminationReport> KernelDataPlane::end_untracked(lb::UntrackedOrder order) {
    return impl_->workload_orders->end_untracked(std::move(order));
}

Result<void> KernelDataPlane::set_policies(const std::vector<lb::AccessPolicy>& policies) {
    return impl_->policies->set(policies);
}

Task<std::vector<std::pair<std::string, lb::TerminationReport>>> KernelDataPlane::enforce_policies() {
    return impl_->workload_orders->enforce(impl_->policies->policies());
}

std::vector<std::pair<std::string, std::uint64_t>> KernelDataPlane::policy_denials() const {
    return impl_->policies->denials();
}

std::size_t KernelDataPlane::unresolved_sockets() const {
    return FlowIndex(*impl_->programs).unresolved().size();
}

std::size_t KernelDataPlane::unresolved_lately() const {
    return impl_->unresolved;
}

std::size_t KernelDataPlane::indexed_sockets(lb::LifeId life) const {
    const auto index = impl_->handover->lives().index_of(life);
    return index ? FlowIndex(*impl_->programs).of_life(*index, life).size() : 0;
}

std::size_t KernelDataPlane::index_room() const {
    return impl_->programs->usable_flows();
}

lb::SocketPreparer KernelDataPlane::exempter() {
    return [owner_map = impl_->programs->owner_fd()](int descriptor) {
        if (auto done = exempt(owner_map, descriptor); !done) spdlog::warn("{}", done.error().message);
    };
}

lb::SessionPreparer KernelDataPlane::session_exempter() {
    auto sessions = CheckSessions::attach(impl_->cgroup, impl_->programs->owner_fd());
    if (!sessions) {
        spdlog::warn("{}: these commands are balanced like the workload if reseat runs in {}",
                     sessions.error().message, impl_->cgroup);
        return {};
    }
    impl_->check_sessions = std::move(*sessions);
    return impl_->check_sessions->preparer();
}

Task<void> KernelDataPlane::watch(OnLife on_raced, OnLife on_failing, lb::EventSink tell) {
    using namespace asio::experimental::awaitable_operators;
    FailingLives failing(impl_->executor, *impl_->handover, on_failing);
    HangUps hang_ups(impl_->executor, *impl_->handover, on_failing);
    IndexGrowth growth(impl_->executor, *impl_->handover, impl_->maintenance);
    // What an earlier watch had taken when it failed: the programs wait to be told that they may tell again.
    failing.on_lost_events();
    hang_ups.on_lost_events();
    Task<void> events = hear_events(impl_->executor, *impl_->programs, *impl_->policies, on_raced, failing,
                                    hang_ups, growth, std::move(tell));
    Task<void> lost = impl_->make_up_for_lost_events(on_raced, failing, hang_ups, growth);
    Task<void> told_again = failing.run() && hang_ups.run() && growth.run();
    Task<void> ports =
        resolve_ports(*impl_->programs, *impl_->namespaces, impl_->maintenance, impl_->unresolved);
    Task<void> unconnected = let_go_of_unconnected(*impl_->programs, *impl_->namespaces, impl_->maintenance,
                                                   [this] { return impl_->handover->lives().leaving_udp(); });
    co_await (std::move(events) && std::move(lost) && std::move(told_again) && std::move(ports) &&
              std::move(unconnected));
}

/// The ring buffer was full: any life without new sockets may have got one all the same.
Task<void> KernelDataPlane::Impl::make_up_for_lost_events(OnLife on_raced, FailingLives& failing,
                                                          HangUps& hang_ups, IndexGrowth& growth) {
    std::uint64_t known = programs->stat(LB_STAT_EVENTS_LOST);
    while (true) {
        co_await sleep_for(kLostEventsPause);
        const std::uint64_t now = programs->stat(LB_STAT_EVENTS_LOST);
        if (std::exchange(known, now) == now) continue;
        spdlog::warn(
            "the ring buffer of kernel events was full: rescanning all backends that get no new sockets");
        for (const lb::LifeId life : handover->lives().without_new_sockets()) on_raced(life);
        failing.on_lost_events();
        hang_ups.on_lost_events();
        growth.on_lost_events();
    }
}

std::vector<std::string> KernelDataPlane::engines() const {
    return impl_->order_executor->engine_names();
}
bool KernelDataPlane::can_repoint() const {
    return can_duplicate_descriptors() && may_duplicate_from_all();
}

std::vector<std::pair<std::string, std::uint64_t>> KernelDataPlane::stats() const {
#define LB_STAT_NAME(id, name) #name,
    static constexpr std::array names = {LB_STATS(LB_STAT_NAME)};
#undef LB_STAT_NAME
    std::vector<std::pair<std::string, std::uint64_t>> counters;
    for (std::uint32_t id = 0; id < names.size(); ++id)
        counters.emplace_back(names[id], impl_->programs->stat(id));
    return counters;
}

}  // namespace reseat::bpf
