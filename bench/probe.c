/* probe: how long one client waits for its pong while the server is busy with others.
 *
 * Sends a ping at a fixed rate on one connection, whether or not the last was answered, so
 * that a stall delays every ping sent during it and none of them goes uncounted. Answers come
 * in order, so each belongs to the oldest ping still waiting. Runs with real-time priority
 * where that is allowed: it shares its core with the load generator, whose work is not the
 * server's delay. Prints one JSON line.
 *
 *     gcc -O3 -march=native -o probe probe.c
 *     probe -p PORT -P '{"type":"ping"}' -A '"pong"'
 *
 *   -h -p -u  host, port, path          -H  extra header lines, each ending in CRLF
 *   -s -S     first and second text sent on connect
 *   -P -A     the ping's text, and a text that occurs once in its answer and nowhere else
 *   -r -m     pings per second, pings in all
 */
#define _GNU_SOURCE
#include "wsclient.h"
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#define READ_BYTES (1 << 16)
#define MAX_ANSWER 64
#define LONGEST_WAIT_S 5

static struct {
    Target target;
    const char *first, *second, *ping, *answer;
    double rate;
    int pings;
} options = {
    .target = {.host = "127.0.0.1", .path = "/", .headers = "", .port = 8000},
    .ping = "{\"type\":\"ping\"}", .answer = "\"pong\"", .rate = 200, .pings = 1000,
};

static char room[MAX_ANSWER + READ_BYTES];
static size_t kept; /* bytes at the start of the room, left from the previous read */

static void take_priority(void)
{
    struct sched_param lowest = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &lowest) != 0)
        fprintf(stderr, "probe: no real-time priority; the load generator adds to these times\n");
}

/* Reads once; returns how many answers that completed. */
static int receive_answers(int fd)
{
    size_t length = strlen(options.answer);
    ssize_t n = recv(fd, room + kept, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) fail("the server hung up");
    char *end = room + kept + n, *from = room;
    int answers = 0;
    while ((from = memmem(from, end - from, options.answer, length))) answers++, from += length;
    kept = kept + n < length - 1 ? kept + n : length - 1;
    memmove(room, end - kept, kept);
    return answers;
}

static void wait_until(int fd, uint64_t due)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    uint64_t now = now_ns(), left = due > now ? due - now : 0;
    struct timespec timeout = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    ppoll(&readable, 1, &timeout, NULL);
}

static int run(int fd, Times *waits)
{
    uint64_t period = 1e9 / options.rate, start = now_ns();
    uint64_t end = start + options.pings * period + LONGEST_WAIT_S * 1000000000ull;
    uint64_t *sent_at = allocate(options.pings, sizeof *sent_at);
    int sent = 0, answered = 0;
    while (answered < options.pings && now_ns() < end) {
        while (sent < options.pings && now_ns() >= start + sent * period) {
            sent_at[sent++] = now_ns();
            send_text(fd, options.ping);
        }
        wait_until(fd, sent < options.pings ? start + sent * period : end);
        for (int n = receive_answers(fd); n > 0 && answered < sent; n--)
            add_time(waits, now_ns() - sent_at[answered++]);
    }
    free(sent_at);
    return sent - answered;
}

static void read_options(int count, char **words)
{
    int option;
    while ((option = getopt(count, words, "h:p:u:H:s:S:P:A:r:m:")) != -1)
        switch (option) {
        case 'h': options.target.host = optarg; break;
        case 'p': options.target.port = atoi(optarg); break;
        case 'u': options.target.path = optarg; break;
        case 'H': options.target.headers = optarg; break;
        case 's': options.first = optarg; break;
        case 'S': options.second = optarg; break;
        case 'P': options.ping = optarg; break;
        case 'A': options.answer = optarg; break;
        case 'r': options.rate = atof(optarg); break;
        case 'm': options.pings = atoi(optarg); break;
        default: exit(2);
        }
}

int main(int count, char **words)
{
    Times waits = {0};
    read_options(count, words);
    signal(SIGPIPE, SIG_IGN);
    take_priority();
    int fd = open_websocket(&options.target, 0);
    if (options.first) send_text(fd, options.first);
    if (options.second) send_text(fd, options.second);
    int unanswered = run(fd, &waits);
    sort_times(&waits);
    printf("{\"pings\":%d,\"unanswered\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           options.pings, unanswered, percentile_ms(&waits, .5), percentile_ms(&waits, .99),
           percentile_ms(&waits, 1));
    return unanswered ? 1 : 0;
}
