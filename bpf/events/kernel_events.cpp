// SPDX-License-Identifier: Apache-2.0
#include "bpf/events/kernel_events.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <stdexcept>

#include <fcntl.h>

namespace reseat::bpf {
namespace {

/// The receivers of the programs' events.
struct Listener {
    std::function<void(lb::LifeId)> on_raced;
    PolicyTable& policies;
    FailingLives& failing;
    HangUps& hang_ups;
    IndexGrowth& growth;
    lb::EventSink tell;

    void hear(const void* data, std::size_t size) {
        const auto kind = *static_cast<const std::uint32_t*>(data);
        if (kind == LB_EVENT_RACED && size >= sizeof(lb_event))
            on_raced(static_cast<const lb_event*>(data)->life);
        if (kind == LB_EVENT_FAILING && size >= sizeof(lb_event))
            failing.on_event(static_cast<const lb_event*>(data)->life);
        if (kind == LB_EVENT_HUNG_UP && size >= sizeof(lb_event))
            hang_ups.on_event(static_cast<const lb_event*>(data)->life);
        if (kind == LB_EVENT_INDEX_LOW) growth.on_low();
        if (kind == LB_EVENT_DENIED && size >= sizeof(lb_denied))
            tell(policies.describe(*static_cast<const lb_denied*>(data)));
    }
};

/// Called by libbpf, through which nothing may be thrown. An event that fails takes no other along.
int on_event(void* listener, void* data, std::size_t size) {
    try {
        static_cast<Listener*>(listener)->hear(data, size);
    } catch (const std::exception& error) {
        spdlog::error("an event of the BPF programs was not handled (internal error): {}", error.what());
    }
    return 0;
}

}  // namespace

Task<void> hear_events(asio::any_io_executor executor, const Programs& programs, PolicyTable& policies,
                       std::function<void(lb::LifeId)> on_raced, FailingLives& failing, HangUps& hang_ups,
                       IndexGrowth& growth, lb::EventSink tell) {
    Listener listener{std::move(on_raced), policies, failing, hang_ups, growth, std::move(tell)};
    const std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring(
        ring_buffer__new(programs.events_fd(), on_event, &listener, nullptr), ring_buffer__free);
    if (!ring) throw std::runtime_error("cannot open the ring buffer of events");
    asio::posix::stream_descriptor readable(executor,
                                            fcntl(ring_buffer__epoll_fd(ring.get()), F_DUPFD_CLOEXEC, 0));
    while (true) {
        co_await readable.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
        ring_buffer__consume(ring.get());
    }
}

}  // namespace reseat::bpf
