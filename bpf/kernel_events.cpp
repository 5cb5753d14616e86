// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_events.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <bpf/libbpf.h>

#include <memory>
#include <stdexcept>

#include <fcntl.h>

namespace reseat::bpf {

lb::Task<void> hear_events(lb::asio::any_io_executor executor, const Programs& programs,
                           PolicyTable& policies, std::function<void(lb::LifeId)> on_raced,
                           FailingLives& failing, lb::EventSink tell) {
    struct Listener {
        std::function<void(lb::LifeId)> on_raced;
        PolicyTable& policies;
        FailingLives& failing;
        lb::EventSink tell;
    } listener{std::move(on_raced), policies, failing, std::move(tell)};
    auto on_event = [](void* context, void* data, std::size_t size) {
        auto& to = *static_cast<Listener*>(context);
        const auto kind = *static_cast<const std::uint32_t*>(data);
        if (kind == LB_EVENT_RACED && size >= sizeof(lb_event))
            to.on_raced(static_cast<const lb_event*>(data)->life);
        if (kind == LB_EVENT_FAILING && size >= sizeof(lb_event))
            to.failing.on_event(static_cast<const lb_event*>(data)->life);
        if (kind == LB_EVENT_DENIED && size >= sizeof(lb_denied))
            to.tell(to.policies.describe(*static_cast<const lb_denied*>(data)));
        return 0;
    };
    const std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring(
        ring_buffer__new(programs.events_fd(), on_event, &listener, nullptr), ring_buffer__free);
    if (!ring) throw std::runtime_error("cannot read the ring buffer of events");
    lb::asio::posix::stream_descriptor readable(executor,
                                                fcntl(ring_buffer__epoll_fd(ring.get()), F_DUPFD_CLOEXEC, 0));
    while (true) {
        co_await readable.async_wait(lb::asio::posix::stream_descriptor::wait_read, lb::asio::use_awaitable);
        ring_buffer__consume(ring.get());
    }
}

}  // namespace reseat::bpf
