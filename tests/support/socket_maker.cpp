// SPDX-License-Identifier: Apache-2.0
#include "tests/support/socket_maker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reseat::test {
namespace {

/// All zero: good-bye.
struct Request {
    int domain = 0;
    int type = 0;
    int protocol = 0;
};

/// Room for one descriptor that travels with a message.
struct Envelope {
    explicit Envelope(void* payload, std::size_t size) : part{payload, size} {
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }

    iovec part;
    msghdr message{};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
};

/// Two messages: the socket, and the word that our copy of it is closed, so that who got it has the last one.
void answer(int channel, const Request& request) {
    UniqueFd made(::socket(request.domain, request.type | SOCK_CLOEXEC, request.protocol));
    int error = made ? 0 : errno;
    Envelope envelope(&error, sizeof error);
    if (made) {
        cmsghdr* part = CMSG_FIRSTHDR(&envelope.message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        const int number = made.get();
        std::memcpy(CMSG_DATA(part), &number, sizeof number);
    } else {
        envelope.message.msg_controllen = 0;
    }
    ::sendmsg(channel, &envelope.message, MSG_NOSIGNAL);
    made.reset();
    ::send(channel, &error, sizeof error, MSG_NOSIGNAL);
}

/// The test's death shows as end of file without a good-bye: then nobody else removes the cgroup.
int serve(int channel, const std::string& cgroup) {
    ::prctl(PR_SET_PDEATHSIG, 0);
    ::setpgid(0, 0);  // Ctrl-C is meant for the test, which may need us to clean up
    ::close_range(3, static_cast<unsigned>(channel) - 1, 0);
    ::close_range(static_cast<unsigned>(channel) + 1, ~0U, 0);
    const int ready = 0;
    ::send(channel, &ready, sizeof ready, MSG_NOSIGNAL);
    Request request;
    while (::recv(channel, &request, sizeof request, 0) == sizeof request) {
        if (request.domain == 0) return 0;
        answer(channel, request);
    }
    join_cgroup(std::filesystem::path(cgroup).parent_path());
    return remove_cgroup(cgroup) ? 0 : 1;
}

}  // namespace

/// Two ends of a channel; the child is forked with both and closes ours first of all.
SocketMaker::SocketMaker(const TestCgroup& cgroup, const lab::NetNamespace& net)
    : child_([&] {
          int ends[2];
          if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
              throw std::system_error(errno, std::generic_category(), "socketpair");
          ours_.reset(ends[0]);
          theirs_.reset(ends[1]);
          return Process(cgroup.path(), net,
                         [channel = ends[1], path = cgroup.path()] { return serve(channel, path); });
      }()) {
    theirs_.reset();
    int ready = -1;
    if (::recv(ours_.get(), &ready, sizeof ready, 0) != sizeof ready)
        throw std::system_error(ECHILD, std::generic_category(), "start the socket maker");
}

SocketMaker::~SocketMaker() {
    const Request good_bye;
    ::send(ours_.get(), &good_bye, sizeof good_bye, MSG_NOSIGNAL);
}

SocketMaker::Made SocketMaker::make(int domain, int type, int protocol) {
    const Request request{domain, type, protocol};
    int error = 0;
    Envelope envelope(&error, sizeof error);
    if (::send(ours_.get(), &request, sizeof request, MSG_NOSIGNAL) != sizeof request ||
        ::recvmsg(ours_.get(), &envelope.message, MSG_CMSG_CLOEXEC) != sizeof error)
        throw std::system_error(errno, std::generic_category(), "the socket maker is gone");
    Made made{UniqueFd(), error};
    if (const cmsghdr* part = CMSG_FIRSTHDR(&envelope.message)) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(part), sizeof number);
        made.fd.reset(number);
    }
    if (::recv(ours_.get(), &error, sizeof error, 0) != sizeof error)
        throw std::system_error(ECHILD, std::generic_category(), "the socket maker is gone");
    return made;
}

}  // namespace reseat::test
