/* floor: what a fan-out costs when nothing but the kernel and the framing is left.
 *
 * An epoll server that sends every text frame to everyone, framed once and joined with what
 * else arrived in the same loop iteration, so each subscriber gets one write per iteration: the
 * batching Tidewire does, without JSON, limits, history or checks of any kind. It is not a
 * server to use: it trusts its peers, knows one WebSocket key and forgets unsent bytes.
 *
 *     gcc -O3 -march=native -o floor floor.c && PORT=8000 ./floor
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 65536
#define READ_BYTES (1 << 18)
#define BATCH_BYTES (1 << 24)
#define READY_EVENTS 1024
#define SEND_BUFFER_BYTES (4 << 20) /* so that a slow reader's bytes wait in the kernel */

/* The answer to the key that the generators of this folder send. */
static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

typedef struct {
    int fd, upgraded;
    unsigned char *partial; /* an unfinished frame */
    size_t partial_length;
} Connection;

static Connection *members[MAX_CONNECTIONS];
static int member_count, poller;
static unsigned char inbox[2 * READ_BYTES];
static unsigned char batch[BATCH_BYTES];
static size_t batch_length;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void flush_batch(void)
{
    for (int i = 0; i < member_count; i++)
        send(members[i]->fd, batch, batch_length, MSG_NOSIGNAL | MSG_DONTWAIT);
    batch_length = 0;
}

static void add_to_batch(const unsigned char *payload, size_t n, const unsigned char *key)
{
    if (batch_length + n + 4 > BATCH_BYTES) flush_batch();
    unsigned char *out = batch + batch_length;
    *out++ = 0x81;
    *out++ = n < 126 ? n : 126;
    if (n >= 126) *out++ = n >> 8, *out++ = n;
    for (size_t i = 0; i < n; i++) *out++ = payload[i] ^ key[i & 3];
    batch_length = out - batch;
}

static void leave(Connection *connection)
{
    for (int i = 0; i < member_count; i++)
        if (members[i] == connection) {
            members[i] = members[--member_count];
            break;
        }
    close(connection->fd);
    free(connection->partial);
    free(connection);
}

/* Takes one frame; returns its length, or 0 when it is unfinished. Others than text are let go. */
static size_t take_frame(const unsigned char *bytes, size_t n)
{
    if (n < 6) return 0;
    size_t length = bytes[1] & 0x7f, head = 6;
    if (length == 126) {
        if (n < 8) return 0;
        length = bytes[2] << 8 | bytes[3];
        head = 8;
    }
    if (n < head + length) return 0;
    if (bytes[0] == 0x81) add_to_batch(bytes + head, length, bytes + head - 4);
    return head + length;
}

static void take_frames(Connection *connection, unsigned char *bytes, size_t n)
{
    for (size_t taken; n && (taken = take_frame(bytes, n)); bytes += taken) n -= taken;
    connection->partial_length = n;
    if (!n) return;
    connection->partial = realloc(connection->partial, n);
    memcpy(connection->partial, bytes, n);
}

static void upgrade(Connection *connection, size_t n)
{
    inbox[n] = 0;
    if (!strstr((char *)inbox, "\r\n\r\n")) return;
    send(connection->fd, UPGRADED, sizeof UPGRADED - 1, MSG_NOSIGNAL);
    connection->upgraded = 1;
    members[member_count++] = connection;
}

static void receive(Connection *connection)
{
    size_t kept = connection->partial_length;
    memcpy(inbox, connection->partial ? connection->partial : inbox, kept);
    ssize_t n = recv(connection->fd, inbox + kept, READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) leave(connection);
    else if (!connection->upgraded) upgrade(connection, n);
    else take_frames(connection, inbox, kept + n);
}

static void watch(int fd, void *owner)
{
    struct epoll_event readable = {.events = EPOLLIN, .data.ptr = owner};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &readable);
}

static void accept_all(int listener)
{
    int fd, one = 1, bytes = SEND_BUFFER_BYTES;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        Connection *connection = calloc(1, sizeof *connection);
        if (!connection) fail("calloc");
        connection->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
        watch(fd, connection);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) fail("listen");
    return fd;
}

static void serve(int listener)
{
    struct epoll_event ready[READY_EVENTS];
    for (;;) {
        int count = epoll_wait(poller, ready, READY_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr) receive(ready[i].data.ptr);
            else accept_all(listener);
        }
        if (batch_length) flush_batch();
    }
}

int main(void)
{
    const char *port = getenv("PORT");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(port ? atoi(port) : 8000);
    poller = epoll_create1(0);
    watch(listener, NULL);
    serve(listener);
}
