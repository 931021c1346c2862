/* The control: a minimal HTTP server for Linux, which every start is compared with.
 *
 * With LISTEN_FDS=1 and LISTEN_PID=<own pid> it serves the listener at fd 3; otherwise it binds HOST:PORT.
 * With READY_FD=<n> it writes one byte there once it accepts connections. On SIGTERM it exits with 0, also as PID 1.
 * Each connection gets one response and is closed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\n"
                             "content-type: text/plain\r\n"
                             "content-length: 2\r\n"
                             "connection: close\r\n"
                             "\r\n"
                             "ok";

static void on_term(int number)
{
    (void)number;
    _exit(0);
}

static int inherited(void)
{
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    return count && pid && atoi(count) >= 1 && atoi(pid) == (int)getpid();
}

static int bound(void)
{
    const char *host = getenv("HOST"), *port = getenv("PORT");
    struct sockaddr_in address = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    address.sin_port = htons((unsigned short)atoi(port ? port : "7860"));
    if (inet_pton(AF_INET, host ? host : "0.0.0.0", &address.sin_addr) != 1)
        _exit(64);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        _exit(1);
    return listener;
}

int main(void)
{
    struct sigaction term = {.sa_handler = on_term};
    const char *ready = getenv("READY_FD");
    char request[4096];

    sigaction(SIGTERM, &term, NULL);
    int listener = inherited() ? 3 : bound();
    if (ready && write(atoi(ready), "1", 1) == 1)
        close(atoi(ready));

    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (peer < 0)
            _exit(1);
        if (read(peer, request, sizeof request) > 0 && write(peer, ANSWER, sizeof ANSWER - 1) < 0)
            request[0] = 0; /* the peer has disconnected: ignore it */
        close(peer);
    }
}
