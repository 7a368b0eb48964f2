/* What every load generator in this folder needs of WebSocket: connect, upgrade, mask a frame.
 *
 * Header only, so that each generator builds with one command and no library. It never parses
 * what it is sent: the generators look for marks in the bytes, whatever the envelope is.
 */
#ifndef WSCLIENT_H
#define WSCLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections per loopback source address: ephemeral ports run out at 28,000. */
#define CONNECTIONS_PER_ADDRESS 20000
#define MAX_HEAD 16384
#define MAX_FRAME_HEAD 8
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { TEXT = 0x81, CLOSE = 0x88, PONG = 0x8A };

typedef struct {
    const char *host, *path, *headers;
    int port;
} Target;

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline double seconds_since(uint64_t start) { return (now_ns() - start) / 1e9; }

static inline void fail(const char *what)
{
    perror(what);
    exit(2);
}

static inline void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) fail("calloc");
    return memory;
}

static inline void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Binds to 127.0.x.1 so that more connections are possible than one address has ports. */
static inline void bind_source(int fd, int index)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    char name[32];
    int one = 1;
    snprintf(name, sizeof name, "127.0.%d.1", 1 + index / CONNECTIONS_PER_ADDRESS % 250);
    inet_pton(AF_INET, name, &source.sin_addr);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (void *)&source, sizeof source)) fail("bind");
}

/* Starts a TCP connection; a non-blocking one is still in progress when this returns. */
static inline int start_connecting(const Target *target, int index, int socket_flags)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(target->port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | socket_flags, 0);
    if (fd < 0) fail("socket");
    inet_pton(AF_INET, target->host, &peer.sin_addr);
    if (index >= 0) bind_source(fd, index);
    if (connect(fd, (void *)&peer, sizeof peer) && errno != EINPROGRESS) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* The upgrade request. The key is fixed: nothing here depends on it being fresh. */
static inline int upgrade_request(char *out, size_t room, const Target *target, const char *token)
{
    return snprintf(out, room,
                    "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    "Sec-WebSocket-Version: 13\r\n%s%s%s%s\r\n",
                    target->path, target->host, target->port, target->headers,
                    token ? "Authorization: Bearer " : "", token ? token : "",
                    token ? "\r\n" : "");
}

static inline void send_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (sent < 0) fail("send");
        bytes += sent;
        n -= sent;
    }
}

/* Reads up to the empty line; exits unless the answer is a 101. */
static inline void expect_upgrade(int fd, int index)
{
    char answer[MAX_HEAD];
    size_t have = 0;
    do {
        ssize_t n = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (n <= 0) {
            fprintf(stderr, "connection %d: lost during the handshake\n", index);
            exit(3);
        }
        have += n;
        answer[have] = 0;
    } while (!strstr(answer, "\r\n\r\n"));
    if (!strstr(answer, " 101 ")) {
        fprintf(stderr, "connection %d: no upgrade: %.300s\n", index, answer);
        exit(3);
    }
}

static inline int open_websocket(const Target *target, int index)
{
    char request[MAX_HEAD];
    int fd = start_connecting(target, index, 0);
    send_all(fd, request, upgrade_request(request, sizeof request, target, NULL));
    expect_upgrade(fd, index);
    return fd;
}

/* Writes one masked frame of at most 65,535 bytes; returns its length. */
static inline size_t write_frame(char *out, unsigned char opcode, const char *payload, size_t n)
{
    static uint32_t random = 12345;
    unsigned char key[4];
    size_t head = 2;
    random = random * 1103515245u + 12345u;
    memcpy(key, &random, 4);
    out[0] = (char)opcode;
    out[1] = (char)(0x80 | (n < 126 ? n : 126));
    if (n >= 126) {
        out[2] = (char)(n >> 8);
        out[3] = (char)n;
        head = 4;
    }
    memcpy(out + head, key, 4);
    head += 4;
    for (size_t i = 0; i < n; i++) out[head + i] = payload[i] ^ key[i & 3];
    return head + n;
}

static inline void send_text(int fd, const char *text)
{
    char frame[4096 + MAX_FRAME_HEAD];
    send_all(fd, frame, write_frame(frame, TEXT, text, strlen(text)));
}

/* Growing list of times in microseconds, for percentiles. */
typedef struct {
    uint32_t *us;
    size_t count, room;
} Times;

static inline void add_time(Times *times, uint64_t ns)
{
    if (times->count == times->room) {
        times->room = times->room ? times->room * 2 : 65536;
        times->us = realloc(times->us, times->room * sizeof *times->us);
        if (!times->us) fail("realloc");
    }
    times->us[times->count++] = (uint32_t)(ns / 1000);
}

static inline int compare_times(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static inline void sort_times(Times *times)
{
    if (times->count) qsort(times->us, times->count, sizeof *times->us, compare_times);
}

/* Of sorted times; -1 when there are none. */
static inline double percentile_ms(const Times *times, double share)
{
    return times->count ? times->us[(size_t)((times->count - 1) * share)] / 1000.0 : -1;
}

#endif
