// Answers getaddrinfo from a file instead of name servers: each line has a name, and an address or `~` with
// milliseconds to wait. Names that are not in it are not found. Each lookup is noted in another file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){0};
    numeric.ai_flags |= AI_NUMERICHOST;
    char path[4096], known[256], word[256];
    const char *names = getenv("ZILLA_TEST_NAMES");
    if (!names || !name) return real(name, service, hints, found);
    snprintf(path, sizeof path, "%s.log", names);
    FILE *log = fopen(path, "a");
    if (log) {
        fprintf(log, "%s\n", name);
        fclose(log);
    }
    FILE *file = fopen(names, "r");
    struct addrinfo **end = found;
    *found = NULL;
    while (file && fscanf(file, "%255s %255s", known, word) == 2) {
        if (strcmp(known, name) != 0) continue;
        if (word[0] == '~') usleep(1000 * atoi(word + 1));
        else if (real(word, service, &numeric, end) == 0) while (*end) end = &(*end)->ai_next;
    }
    if (file) fclose(file);
    return *found ? 0 : EAI_NONAME;
}
