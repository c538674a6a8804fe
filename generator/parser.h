/* How the lines of an ini become a Project: project.c names a function for each type of value. All of
 * them report what is wrong with a value through `refuse` and leave the project as it was. */
#pragma once

#include "generator/project.h"
#include "generator/user-paths.h"

typedef struct Parser {
        Project *project;
        const UserPaths *paths;
        unsigned file; /* that is being read, see messages.h */
        unsigned line; /* the place of the current assignment */
        bool out_of_memory;
} Parser;

/* Reports an error at the current line, with `value` and the remedy in it. */
#define refuse(parser, ...) messages_error(&(parser)->project->messages, (parser)->line, __VA_ARGS__)

#define COMMENT_REMEDY "a comment stands on a line of its own"

/* parse-values.c: of one key */
void parse_scalar(Parser *parser, const Setting *key, const char *value);
void parse_directory(Parser *parser, const Setting *key, const char *value);
void parse_allow_hidden(Parser *parser, const Setting *key, const char *value);
void parse_protect(Parser *parser, const Setting *key, const char *value);
void parse_names(Parser *parser, const Setting *key, const char *value);
void parse_checked(Parser *parser, const Setting *key, const char *value);
void parse_uuid(Parser *parser, const Setting *key, const char *value);
void parse_guest(Parser *parser, const Setting *key, const char *value);
void parse_arguments(Parser *parser, const Setting *key, const char *value);
void parse_allow(Parser *parser, const Setting *key, const char *value);
void parse_publish(Parser *parser, const Setting *key, const char *value);
void parse_directive(Parser *parser, const Setting *key, const char *value);
void parse_wanted(Parser *parser, const Setting *key, const char *value);

/* The canonical form of a directory that may be shared, owned, or NULL with a message. Whether it is hidden
 * is not asked here: a later line may open it. */
char *parser_directory(Parser *parser, const char *key, const char *value, bool is_agent_home);

/* The same of a parsed path that the host will read, as a file or a directory. */
char *resolve_file(Parser *parser, const char *key, const char *value, const char *path);

/* guest-places.c */
void parse_guest_directory(Parser *parser, const Setting *key, const char *value);

/* parse-shares.c */
void parse_share(Parser *parser, const Setting *key, const char *value);
void shares_forget(Parser *parser);

/* Takes ownership of the directory. */
void shares_add(Parser *parser, const char *tag, char *directory, const char *guest_directory,
                bool read_only, bool create);
void shares_add_nix_store(Parser *parser);
void shares_check_nested(Parser *parser);

/* Refuses what lies in a hidden directory of the home that AllowHidden= does not open. */
void shares_check_hidden(Parser *parser);

/* True if AllowHidden= opens the directory. */
bool shares_is_opened(const Project *p, const char *directory);

/* parse-variables.c: sections whose keys are names of variables */
void parse_environment(Parser *parser, const char *name, const char *value);
void parse_credentials(Parser *parser, const char *name, const char *value);
void parse_encrypted_credentials(Parser *parser, const char *name, const char *value);
