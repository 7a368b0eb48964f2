/* fan: a load generator for WebSocket fan-out.
 *
 * Opens N connections, lets each send an optional subscribe text, then has the first K of them
 * publish M messages in all, at most W in flight, and counts what every connection receives. A
 * message carries one '^' followed by its send time in 19 decimal nanoseconds, so receipts are
 * counted whatever the server's envelope or batching is.
 *
 * Prints one JSON line: deliveries per second, publish-to-delivery latency percentiles (sampled
 * on 16 connections), connect time, answers, and the CPU seconds the generator itself used.
 *
 *     gcc -O3 -march=native -o fan fan.c
 *     fan -p PORT -n 500 -w 32 -m 20000 -P '{"type":"chat","text":"%s"}'
 *
 *   -h -p -u  host, port, path          -H  extra header lines, each ending in CRLF
 *   -n -k     connections, publishers   -w -m  messages in flight, messages in all
 *   -s -S     first and second text sent on connect
 *   -P        the publish text: %s is the payload, #LEN# its length
 *   -A        text that occurs once in every answer to a publish; all answers are awaited
 *   -f        filler bytes per message  -x  a publisher does not receive its own message
 *   -z        warm-up messages, not measured
 *   -g        print "ready", then wait for a line on standard input before the load
 *   -i -t     quiet milliseconds before the load; longest load in seconds
 *   -L        do not spread connections over loopback addresses
 */
#define _GNU_SOURCE
#include "wsclient.h"
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>

#define MARK '^'
#define STAMP_DIGITS 19
#define MAX_TEXT 8192
#define MAX_ANSWER 64
#define READ_BYTES (1 << 18)
#define READY_EVENTS 512
#define SAMPLED_CONNECTIONS 16
#define STALLED_AFTER_S 5

typedef struct {
    int fd;
    int sampled;           /* its receipts are timed */
    char last;             /* last byte of the previous read: a mark may straddle two reads */
    char tail[MAX_ANSWER]; /* the same for answers */
    size_t tail_length;
} Connection;

static struct {
    Target target;
    int connections, publishers, window, filler, settle_ms, no_echo, wait_for_go, spread;
    long messages, warm_up;
    double limit_s;
    const char *first, *second, *publish, *answer;
} options = {
    .target = {.host = "127.0.0.1", .path = "/", .headers = "", .port = 8000},
    .connections = 100, .publishers = 1, .window = 16, .filler = 64, .settle_ms = 300,
    .spread = 1, .messages = 1000, .limit_s = 30,
    .publish = "{\"type\":\"chat\",\"text\":\"%s\"}",
};

static Connection *connections;
static int poller;
static char room[MAX_ANSWER + READ_BYTES];
static char *const inbox = room + MAX_ANSWER; /* a tail fits in front of what is read */
static uint64_t delivered, answered;
static Times latencies;

/* --- receiving ----------------------------------------------------------------------------- */

/* A mark is '^' and a digit: a frame header's length byte may be 0x5E too. */
static uint64_t count_marks(const char *bytes, size_t n, char before)
{
    uint64_t marks = before == MARK && bytes[0] >= '0' && bytes[0] <= '9';
    for (size_t i = 1; i < n; i++)
        marks += (bytes[i - 1] == MARK) & (bytes[i] >= '0') & (bytes[i] <= '9');
    return marks;
}

static void time_marks(const char *bytes, size_t n)
{
    uint64_t now = now_ns();
    const char *mark = bytes, *end = bytes + n;
    while ((mark = memchr(mark, MARK, end - mark)) && end - ++mark >= STAMP_DIGITS) {
        uint64_t sent = 0;
        for (int i = 0; i < STAMP_DIGITS; i++) sent = sent * 10 + (mark[i] - '0');
        if (sent < now && now - sent < 60000000000ull) add_time(&latencies, now - sent);
    }
}

static uint64_t count_answers(Connection *connection, char *bytes, size_t n)
{
    size_t length = strlen(options.answer), have = n + connection->tail_length;
    char *from = bytes - connection->tail_length, *end = bytes + n;
    uint64_t answers = 0;
    memcpy(from, connection->tail, connection->tail_length);
    while ((from = memmem(from, end - from, options.answer, length))) answers++, from += length;
    connection->tail_length = have < length - 1 ? have : length - 1;
    memcpy(connection->tail, end - connection->tail_length, connection->tail_length);
    return answers;
}

static void take(Connection *connection, char *bytes, size_t n)
{
    uint64_t marks = count_marks(bytes, n, connection->last);
    connection->last = bytes[n - 1];
    delivered += marks;
    if (connection->sampled && marks) time_marks(bytes, n);
    if (options.answer) answered += count_answers(connection, bytes, n);
}

/* Reads each ready connection once; returns how many had something to read. */
static int receive(int wait_ms)
{
    struct epoll_event ready[READY_EVENTS];
    int count = epoll_wait(poller, ready, READY_EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        Connection *connection = &connections[ready[i].data.u32];
        ssize_t n = recv(connection->fd, inbox, READ_BYTES, 0);
        if (n > 0) {
            take(connection, inbox, n);
        } else if (n == 0) {
            epoll_ctl(poller, EPOLL_CTL_DEL, connection->fd, NULL);
            fprintf(stderr, "connection %d: closed by the server\n", ready[i].data.u32);
        }
    }
    return count;
}

/* Until nothing has arrived for a while: welcomes and join announcements are not the load. */
static void settle(void)
{
    uint64_t last_news = now_ns();
    while (seconds_since(last_news) * 1000 < options.settle_ms)
        if (receive(20) > 0) last_news = now_ns();
}

/* --- connecting ---------------------------------------------------------------------------- */

static void join(int index)
{
    Connection *connection = &connections[index];
    struct epoll_event readable = {.events = EPOLLIN, .data.u32 = index};
    connection->fd = open_websocket(&options.target, options.spread ? index : -1);
    connection->sampled = index % (options.connections / SAMPLED_CONNECTIONS + 1) == 0;
    if (options.first) send_text(connection->fd, options.first);
    if (options.second) {
        usleep(100);
        send_text(connection->fd, options.second);
    }
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &readable);
}

static void connect_all(void)
{
    connections = allocate(options.connections, sizeof *connections);
    poller = epoll_create1(0);
    for (int i = 0; i < options.connections; i++) {
        join(i);
        if (i % 64 == 63)
            while (receive(0) == READY_EVENTS) {}
    }
}

/* --- publishing ---------------------------------------------------------------------------- */

static void fill_in_length(char *body, size_t length)
{
    char rest[MAX_TEXT], *mark = strstr(body, "#LEN#");
    if (!mark) return;
    snprintf(rest, sizeof rest, "%s", mark + 5);
    snprintf(mark, MAX_TEXT - (mark - body), "%zu%s", length, rest);
}

static void publish_one(long index, const char *filler)
{
    char payload[MAX_TEXT / 2], body[MAX_TEXT], frame[MAX_TEXT + MAX_FRAME_HEAD];
    int length = snprintf(payload, sizeof payload, "%c%019llu%s", MARK,
                          (unsigned long long)now_ns(), filler);
    snprintf(body, sizeof body, options.publish, payload);
    fill_in_length(body, length);
    send_all(connections[index % options.publishers].fd, frame,
             write_frame(frame, TEXT, body, strlen(body)));
}

static int is_complete(long messages, uint64_t receivers)
{
    return delivered >= messages * receivers && (!options.answer || answered >= (uint64_t)messages);
}

/* Publishes and receives until all has arrived, nothing moves any more, or time is up. */
static long run_load(long messages)
{
    uint64_t receivers = options.connections - (options.no_echo ? 1 : 0);
    uint64_t started = now_ns(), progress = started;
    char *filler = allocate(options.filler + 1, 1);
    long sent = 0;
    memset(filler, 'x', options.filler);
    delivered = answered = latencies.count = 0;
    while (!is_complete(messages, receivers) && seconds_since(started) < options.limit_s) {
        while (sent < messages && delivered + options.window * receivers > sent * receivers)
            publish_one(sent++, filler);
        if (receive(100) > 0) progress = now_ns();
        if (seconds_since(progress) > STALLED_AFTER_S) break;
    }
    free(filler);
    return sent;
}

/* --- the whole ----------------------------------------------------------------------------- */

static void read_options(int count, char **words)
{
    int option;
    while ((option = getopt(count, words, "h:p:u:n:k:m:w:s:S:P:A:f:H:t:i:z:xgL")) != -1)
        switch (option) {
        case 'h': options.target.host = optarg; break;
        case 'p': options.target.port = atoi(optarg); break;
        case 'u': options.target.path = optarg; break;
        case 'H': options.target.headers = optarg; break;
        case 'n': options.connections = atoi(optarg); break;
        case 'k': options.publishers = atoi(optarg); break;
        case 'm': options.messages = atol(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 's': options.first = optarg; break;
        case 'S': options.second = optarg; break;
        case 'P': options.publish = optarg; break;
        case 'A': options.answer = optarg; break;
        case 'f': options.filler = atoi(optarg); break;
        case 't': options.limit_s = atof(optarg); break;
        case 'i': options.settle_ms = atoi(optarg); break;
        case 'z': options.warm_up = atol(optarg); break;
        case 'x': options.no_echo = 1; break;
        case 'g': options.wait_for_go = 1; break;
        case 'L': options.spread = 0; break;
        default: exit(2);
        }
}

static double own_cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_utime.tv_sec + use.ru_utime.tv_usec / 1e6 + use.ru_stime.tv_sec +
           use.ru_stime.tv_usec / 1e6;
}

static void wait_for_go(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

int main(int count, char **words)
{
    read_options(count, words);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();

    uint64_t start = now_ns();
    connect_all();
    double connect_s = seconds_since(start);
    settle();
    if (options.warm_up) {
        run_load(options.warm_up);
        settle();
    }
    if (options.wait_for_go) wait_for_go();

    double cpu = own_cpu_seconds();
    start = now_ns();
    long sent = run_load(options.messages);
    double seconds = seconds_since(start);
    cpu = own_cpu_seconds() - cpu;

    uint64_t expected = options.messages * (options.connections - (options.no_echo ? 1 : 0));
    sort_times(&latencies);
    printf("{\"n\":%d,\"publishers\":%d,\"window\":%d,\"sent\":%ld,\"delivered\":%llu,"
           "\"expected\":%llu,\"answered\":%llu,\"seconds\":%.3f,\"deliveries_per_s\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"connect_s\":%.2f,"
           "\"client_cpu_s\":%.2f}\n",
           options.connections, options.publishers, options.window, sent,
           (unsigned long long)delivered, (unsigned long long)expected,
           (unsigned long long)answered, seconds, delivered / seconds,
           percentile_ms(&latencies, .5), percentile_ms(&latencies, .99),
           percentile_ms(&latencies, 1), connect_s, cpu);
    return delivered == expected ? 0 : 1;
}
