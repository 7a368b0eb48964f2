/* storm: opens many WebSockets as fast as a server takes them, and holds or churns them.
 *
 * Opens M connections with at most W handshakes unfinished at a time. Without -c it then
 * prints one JSON line and holds them until standard input ends, which is when their memory
 * is measured. With -c each is closed as soon as it is open (every second one properly, the
 * others by a reset, as phones that lose their network do), and the line comes at the end.
 *
 *     gcc -O3 -march=native -o storm storm.c
 *     storm -p PORT -m 10000 -w 16 [-T FILE]
 *
 *   -h -p -u  host, port, path          -H  extra header lines, each ending in CRLF
 *   -m -w     connections in all, unfinished handshakes at a time
 *   -T        file with one bearer token per line, taken in turn
 *   -s        text sent once open       -c  churn: close each as soon as it is open
 */
#define _GNU_SOURCE
#include "wsclient.h"
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#define READY_EVENTS 512
#define STALLED_AFTER_S 10
/* A server that hears nothing for 35 s may hang up; an unasked-for pong is a sign of life. */
#define SIGN_OF_LIFE_S 8

typedef enum { CONNECTING, UPGRADING, OPEN, CLOSING } State;

typedef struct {
    int fd;
    State state;
    uint64_t started;
} Connection;

static struct {
    Target target;
    int total, window, churn;
    const char *tokens, *text;
} options = {
    .target = {.host = "127.0.0.1", .path = "/", .headers = "", .port = 8000},
    .total = 1000, .window = 16,
};

static Connection *connections;
static char **tokens;
static int token_count, poller, started, finished, opened, refused;
static Times handshakes;

/* --- one connection ------------------------------------------------------------------------ */

static void watch(int index, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    epoll_ctl(poller, operation, connections[index].fd, &event);
}

static void start_one(void)
{
    int index = started++;
    connections[index] = (Connection){
        .fd = start_connecting(&options.target, index, SOCK_NONBLOCK),
        .started = now_ns(),
    };
    watch(index, EPOLLOUT, EPOLL_CTL_ADD);
}

static void finish(int index, int reset)
{
    struct linger at_once = {.l_onoff = 1};
    Connection *connection = &connections[index];
    if (reset) setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(connection->fd);
    connection->fd = -1;
    finished++;
}

static void ask_for_upgrade(int index)
{
    char request[MAX_HEAD];
    Connection *connection = &connections[index];
    const char *token = token_count ? tokens[index % token_count] : NULL;
    send_all(connection->fd, request,
             upgrade_request(request, sizeof request, &options.target, token));
    connection->state = UPGRADING;
    watch(index, EPOLLIN, EPOLL_CTL_MOD);
}

static void say_goodbye(int index)
{
    char frame[16];
    if (index % 2) {
        finish(index, 1);
        return;
    }
    send_all(connections[index].fd, frame, write_frame(frame, CLOSE, "\x03\xe8", 2));
    connections[index].state = CLOSING;
}

/* A head that arrives in pieces is not expected on loopback; it would count as refused. */
static void read_upgrade(int index)
{
    char answer[MAX_HEAD];
    Connection *connection = &connections[index];
    ssize_t n = recv(connection->fd, answer, sizeof answer - 1, 0);
    answer[n > 0 ? n : 0] = 0;
    if (!strstr(answer, " 101 ")) {
        if (!refused++) fprintf(stderr, "connection %d: no upgrade: %.300s\n", index, answer);
        finish(index, 0);
        return;
    }
    add_time(&handshakes, now_ns() - connection->started);
    connection->state = OPEN;
    opened++;
    if (options.text) send_text(connection->fd, options.text);
    if (options.churn) say_goodbye(index);
    else finished++;
}

static void drain(int index)
{
    static char inbox[1 << 16];
    ssize_t n = recv(connections[index].fd, inbox, sizeof inbox, 0);
    if (n > 0 || (n < 0 && errno == EAGAIN)) return;
    if (connections[index].state == CLOSING) {
        finish(index, 0);
    } else {
        fprintf(stderr, "connection %d: closed by the server\n", index);
        watch(index, 0, EPOLL_CTL_DEL);
    }
}

static void advance(int index)
{
    switch (connections[index].state) {
    case CONNECTING: ask_for_upgrade(index); break;
    case UPGRADING: read_upgrade(index); break;
    default: drain(index);
    }
}

static int advance_ready(int wait_ms)
{
    struct epoll_event ready[READY_EVENTS];
    int count = epoll_wait(poller, ready, READY_EVENTS, wait_ms);
    for (int i = 0; i < count; i++) advance(ready[i].data.u32);
    return count;
}

/* --- the whole ----------------------------------------------------------------------------- */

static void open_all(void)
{
    uint64_t progress = now_ns();
    while (finished < options.total && seconds_since(progress) < STALLED_AFTER_S) {
        while (started < options.total && started - finished < options.window) start_one();
        if (advance_ready(100) > 0) progress = now_ns();
    }
}

static void show_life(void)
{
    char frame[16];
    for (int i = 0; i < options.total; i++)
        if (connections[i].state == OPEN && connections[i].fd >= 0)
            send(connections[i].fd, frame, write_frame(frame, PONG, "", 0), MSG_NOSIGNAL);
}

static void hold(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t shown = now_ns();
    while (poll(&input, 1, 0) == 0) {
        advance_ready(50);
        if (seconds_since(shown) > SIGN_OF_LIFE_S) {
            show_life();
            shown = now_ns();
        }
    }
}

static void read_tokens(void)
{
    char line[MAX_HEAD / 2];
    FILE *file = fopen(options.tokens, "r");
    if (!file) fail(options.tokens);
    tokens = allocate(options.total, sizeof *tokens);
    while (token_count < options.total && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        tokens[token_count++] = strdup(line);
    }
    fclose(file);
}

static void read_options(int count, char **words)
{
    int option;
    while ((option = getopt(count, words, "h:p:u:H:m:w:T:s:c")) != -1)
        switch (option) {
        case 'h': options.target.host = optarg; break;
        case 'p': options.target.port = atoi(optarg); break;
        case 'u': options.target.path = optarg; break;
        case 'H': options.target.headers = optarg; break;
        case 'm': options.total = atoi(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 'T': options.tokens = optarg; break;
        case 's': options.text = optarg; break;
        case 'c': options.churn = 1; break;
        default: exit(2);
        }
}

int main(int count, char **words)
{
    read_options(count, words);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    if (options.tokens) read_tokens();
    connections = allocate(options.total, sizeof *connections);
    poller = epoll_create1(0);

    uint64_t start = now_ns();
    open_all();
    double seconds = seconds_since(start);
    sort_times(&handshakes);
    printf("{\"opened\":%d,\"refused\":%d,\"expected\":%d,\"seconds\":%.3f,"
           "\"connects_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           opened, refused, options.total, seconds, opened / seconds,
           percentile_ms(&handshakes, .5), percentile_ms(&handshakes, .99),
           percentile_ms(&handshakes, 1));
    fflush(stdout);
    if (!options.churn) hold();
    return opened == options.total ? 0 : 1;
}
