/* Counts the system calls that change the outside world, and kills the process in front of the chosen one.

   LD_PRELOAD=steps.so STEPS_FILE=file: the file is shared memory of a test: armed, count, kill_at, then one letter for
   each call counted. SIGKILL comes before the call is made, so that step N shows the state after step N - 1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LETTERS 65536

struct shared {
    atomic_int armed, count, kill_at, unused;
    char letters[LETTERS];
};

static struct shared *shared;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("STEPS_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *found = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    shared = found == MAP_FAILED ? NULL : found;
}

static void step(char letter)
{
    if (!shared || !atomic_load(&shared->armed))
        return;
    int number = atomic_fetch_add(&shared->count, 1) + 1;
    if (number < LETTERS)
        shared->letters[number - 1] = letter;
    if (number == atomic_load(&shared->kill_at))
        kill(getpid(), SIGKILL);
}

#define WRAP(type, name, parameters, arguments, letter)                  \
    type name parameters                                                 \
    {                                                                    \
        static type (*real) parameters;                                  \
        if (!real)                                                       \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);          \
        step(letter);                                                    \
        return real arguments;                                           \
    }

WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), 'w')
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), 'w')
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), 'w')
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), 'w')
WRAP(int, fsync, (int fd), (fd), 'f')
WRAP(int, fdatasync, (int fd), (fd), 'f')
WRAP(int, rename, (const char *a, const char *b), (a, b), 'r')
WRAP(int, unlink, (const char *a), (a), 'u')
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), 't')
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), 't')
WRAP(ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f), 's')
WRAP(ssize_t, sendto, (int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l),
     (fd, b, n, f, a, l), 's')
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f), 's')
