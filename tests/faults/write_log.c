/* A log of everything that a process writes into one folder: preloaded, it notes each call after it succeeded.

   A record: one letter, inode, offset, length (3 x 8 bytes), then `length` bytes of data.
   W: written at offset. T: cut or extended to `offset`. N: the inode got a name, the data. A: an acknowledgement. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int note_fd = -1;
static dev_t folder_device;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("WRITE_LOG");
    struct stat found;
    folder = getenv("WRITE_FOLDER");
    if (!log || !folder || stat(folder, &found)) return;
    folder_device = found.st_dev;
    note_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char kind, uint64_t inode, uint64_t offset, const void *data, uint64_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    char head[25];
    if (!real) real = dlsym(RTLD_NEXT, "write");
    head[0] = kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, &length, 8);
    if (real(note_fd, head, 25) != 25 || (length && real(note_fd, data, length) != (ssize_t)length)) abort();
}

static uint64_t watched(int fd) { /* the inode of a regular file in the folder, or 0 */
    char link[64], name[4096];
    struct stat found;
    ssize_t length;
    if (note_fd < 0 || fd == note_fd || fstat(fd, &found) || !S_ISREG(found.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return strncmp(name, folder, strlen(folder)) ? 0 : found.st_ino;
}

static void named(const char *name) {
    struct stat found;
    if (note_fd >= 0 && !strncmp(name, folder, strlen(folder)) && !stat(name, &found))
        note('N', found.st_ino, 0, name, strlen(name));
}

static uint64_t full = UINT64_MAX;

void fill_disk(uint64_t end) { full = end; } /* nothing reaches files of the folder behind this offset any more */

void acknowledge(uint64_t count) { note('A', 0, count, 0, 0); }

#define PWRITE(NAME)                                                              \
    ssize_t NAME(int fd, const void *data, size_t length, off_t offset) {         \
        static ssize_t (*real)(int, const void *, size_t, off_t);                 \
        if (!real) real = dlsym(RTLD_NEXT, #NAME);                                \
        uint64_t inode = watched(fd);                                             \
        if (inode && offset + length > full) {                                    \
            if ((uint64_t)offset >= full) {                                       \
                errno = ENOSPC;                                                   \
                return -1;                                                        \
            }                                                                     \
            length = full - offset;                                               \
        }                                                                         \
        ssize_t done = real(fd, data, length, offset);                            \
        if (inode && done > 0) note('W', inode, offset, data, done);                          \
        return done;                                                              \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *data, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    uint64_t inode = watched(fd);
    off_t offset = inode ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real(fd, data, length);
    if (inode && done > 0) note('W', inode, offset, data, done);
    return done;
}

#define TRUNCATE(NAME)                                                            \
    int NAME(int fd, off_t length) {                                              \
        static int (*real)(int, off_t);                                           \
        if (!real) real = dlsym(RTLD_NEXT, #NAME);                                \
        int failed = real(fd, length);                                            \
        uint64_t inode = failed ? 0 : watched(fd);                                \
        if (inode) note('T', inode, length, 0, 0);                                \
        return failed;                                                            \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define TRUNCATE_NAME(NAME)                                                       \
    int NAME(const char *name, off_t length) {                                    \
        static int (*real)(const char *, off_t);                                  \
        struct stat found;                                                        \
        if (!real) real = dlsym(RTLD_NEXT, #NAME);                                \
        int failed = real(name, length);                                          \
        if (!failed && note_fd >= 0 && !strncmp(name, folder, strlen(folder)) && !stat(name, &found)) \
            note('T', found.st_ino, length, 0, 0);                                \
        return failed;                                                            \
    }
TRUNCATE_NAME(truncate)
TRUNCATE_NAME(truncate64)

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "rename");
    int failed = real(from, to);
    if (!failed) named(to);
    return failed;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    static int (*real)(int, const char *, int, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "renameat");
    int failed = real(from_fd, from, to_fd, to);
    if (!failed) named(to);
    return failed;
}

int link(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "link");
    int failed = real(from, to);
    if (!failed) named(to);
    return failed;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    static int (*real)(int, const char *, int, const char *, int);
    if (!real) real = dlsym(RTLD_NEXT, "linkat");
    int failed = real(from_fd, from, to_fd, to, flags);
    if (!failed) named(to);
    return failed;
}
