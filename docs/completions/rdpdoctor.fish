# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rdpdoctor_global_optspecs
    string join \n h/help V/version
end

function __fish_rdpdoctor_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rdpdoctor_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rdpdoctor_using_subcommand
    set -l cmd (__fish_rdpdoctor_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -s V -l version -d 'Print version'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "diagnose" -d 'Find out why connections to a host fail'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "compare" -d 'Tell what differs between a host that works and one that does not, or between two reports on one host'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "inspect" -d 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "collect" -d 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "explain" -d 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "fix" -d 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "undo" -d 'Take back what `fix` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "history" -d 'List what `fix` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "confirm" -d 'Keep what `fix --confirm-within` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "guard" -d 'Wait for the code of a run, and take the run back without it'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "sign" -d 'Sign .rdp files with a publisher\'s certificate, on any system'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "demo" -d 'Show a diagnosis: run a faulty host on this computer and diagnose it'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "lab" -d 'Run faulty hosts on this computer to try tools on; without names, list them'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "completions" -d 'Print the completions for a shell; put them where that shell looks for them'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "man" -d 'Print the man page'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "generate" -d 'Print files that are made from the code, as a JSON object of paths and texts'
complete -c rdpdoctor -n "__fish_rdpdoctor_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l code -d 'The error code that the client shows, such as 0x904' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l extended -d 'The extended error code that the client shows, such as 0x7' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l client -d 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l rdp -d 'An .rdp file: gives the target (unless you name one), what the client offers and trusts, and its gateway' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l with -d 'Files and folders from the host or the client (as for `inspect`), judged together with what the probe sees' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l from-client -d 'Files and folders from the client\'s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l control -d 'A host that is known to work (HOST or HOST:PORT): tested in the same way, to tell a fault of the host from one of this computer' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l timeout -d 'Time for the first look; further questions for a finding may take as long again' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l format -d 'How to print the report' -r -f -a "human\t'words for a terminal'
json\t'the published JSON, schema rdpdoctor/1'
jsonl\t'the same JSON on one line: for logs, one line is one whole report'
html\t'one page for a browser or paper: no script, nothing from the network'
sarif\t'SARIF 2.1.0 for code scanning: a result per finding, a rule per cause'
junit\t'JUnit XML for build servers: a test suite per target, a test case per stage and per finding'
nagios\t'one line with performance data for monitoring; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l warning -d 'With --format nagios: WARNING if the certificate expires in fewer days than this' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l critical -d 'With --format nagios: CRITICAL if the certificate expires in fewer days than this' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l save-commands -d 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l transcript -d 'Write everything that was sent and received to a file, as text' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l replay -d 'Diagnose a transcript again, without a connection' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l watch -d 'Repeat every INTERVAL (5s if none) until it is broken for good, the time of --for is over, or Ctrl-C; tell when it broke, what was different then and what came back (as human, json or jsonl). Exit status: 0 always up, 1 it was down, 2 could not tell' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l for -d 'End the watch after this time, such as 90s, 30m, 8h or 2d' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l give-up -d 'Take the host for broken for good after this time without an answer (10m if none), and end the watch' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l require-trust -d 'The client refuses a host whose certificate it does not trust, as with authentication level 1'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l thorough -d 'Also ask what no verdict needs: every TLS version, suite, group, signature algorithm and set of protocols; makes dozens of connections and may take six times the time-out; prints the whole report'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l path -d 'Also measure the path to a host that lets anyone in, even where nothing is odd: lost packets, large packets, slow lines; makes up to 24 more connections, with pauses, and may take four times the time-out (Linux). Sends one datagram to see whether UDP is taken, and looks for the routers on the way, and for which of them resets or drops a ClientHello'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l without-own-settings -d 'Leave out how this computer itself connects (on Windows: its policies, its TLS settings and the names of saved credentials). They are left out as well where --client, --from-client or the files tell of another client'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l full -d 'Print the whole report; without it, words for a terminal are one screen (24 lines)'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l redact -d 'Take names and addresses out of the transcript (the report keeps them)'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -l force -d 'Replace a transcript of another host'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand diagnose" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand compare" -l client -d 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand compare" -l timeout -d 'Time for the first look at a host; further questions for a finding may take as long again' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand compare" -l format -d 'How to print the comparison' -r -f -a "human\t'words for a terminal'
json\t'JSON (of `collect` the bundle\'s manifest, schema rdpdoctor-bundle/1; of `sign` rdpdoctor-sign/1, of `compare` rdpdoctor-compare/1)'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l from-client -d 'Files and folders from the client\'s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l at -d 'The time of the failed attempt (such as 2026-11-21T09:00:00Z or "2026-11-21 09:00", in UTC), by which logs are judged; the newest time in the files if none. What was captured is always judged by its own clock' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l code -d 'The error code that the client shows, such as 0x904' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l extended -d 'The extended error code that the client shows, such as 0x7' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l client -d 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l format -d 'How to print the report' -r -f -a "human\t'words for a terminal'
json\t'the published JSON, schema rdpdoctor/1'
jsonl\t'the same JSON on one line: for logs, one line is one whole report'
html\t'one page for a browser or paper: no script, nothing from the network'
sarif\t'SARIF 2.1.0 for code scanning: a result per finding, a rule per cause'
junit\t'JUnit XML for build servers: a test suite per target, a test case per stage and per finding'
nagios\t'one line with performance data for monitoring; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l save-commands -d 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l as-host -d 'Without a path: this computer is the host, as it is taken for anyway'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l as-client -d 'Without a path: this computer is the one that connects, and not the host'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l require-trust -d 'The client refuses a host whose certificate it does not trust, as with authentication level 1'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -l full -d 'Print the whole report; without it, words for a terminal are one screen (24 lines)'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l from-client -d 'Files and folders from the client\'s machine: the bundle marks them as such' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -s o -l output -d 'The bundle to write' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l as -d 'Print a script that reads a machine, instead of collecting anything' -r -f -a "powershell\t'Windows PowerShell 4.0 or newer, and PowerShell 7'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l format -d 'How to print what is in the bundle' -r -f -a "human\t'words for a terminal'
json\t'JSON (of `collect` the bundle\'s manifest, schema rdpdoctor-bundle/1; of `sign` rdpdoctor-sign/1, of `compare` rdpdoctor-compare/1)'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l as-host -d 'Without a path: this computer is the host, as it is taken for anyway'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l as-client -d 'Without a path: this computer is the one that connects, and not the host'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l keep-names -d 'Leave names, users, domains and addresses as they are'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -l force -d 'Replace the file if it exists, unless it is one of the files to collect'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand collect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand explain" -l format -d 'How to print the answer' -r -f -a "human\t'words for a terminal'
json\t'the published JSON, schema rdpdoctor-explain/1'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand explain" -l full -d 'Print everything that is known, not just the dozen lines that matter most'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l server -d 'The server of this machine that is meant, where it has both' -r -f -a "xrdp\t'xrdp'
gnome\t'GNOME Remote Desktop of the person who runs this'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l for -d 'Mend only this cause; may be given again' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l only -d 'Use only this fix; may be given again' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l addresses -d 'Addresses or networks that the firewall of this machine is to let in, where it lets nobody in to the server' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l save -d 'Write the plan to a file' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l from -d 'Take the plan from a file; it is refused if the machine has changed since' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l confirm-within -d 'Take everything back after this time, unless the code that is shown is typed: `rdpdoctor confirm CODE`, best in a new session, which shows that one can still get in' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l confirm-from -d 'With --confirm-within: an attempt from this address keeps the changes as well, once xrdp\'s own logs show TLS with it, or a logon from it' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l lease -d 'Let a setting be weaker than before for this time, a day at most (30m if none is named); then everything is taken back' -r
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l apply -d 'Make the changes'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l yes -d 'Do not ask before the changes are made'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -l finish -d 'Finish a run that was cut off'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand fix" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand undo" -l yes -d 'Do not ask before it is taken back'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand undo" -l force -d 'Put back what was there before, also where somebody else changed it since'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand undo" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand history" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand confirm" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand guard" -l elsewhere -d 'The files are those of another machine'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand guard" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -l key -d 'The publisher\'s key: a PFX with its certificate, or PEM (RSA, 2048 to 4096 bits)' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -l certificate -d 'The publisher\'s certificate in PEM, perhaps with its chain, if it is not in the file of the key' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -s o -l output -d 'Write the signed files to this folder; without it, each takes its old one\'s place, which is kept as FILE.bak' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -l format -d 'How to print what was done' -r -f -a "human\t'words for a terminal'
json\t'JSON (of `collect` the bundle\'s manifest, schema rdpdoctor-bundle/1; of `sign` rdpdoctor-sign/1, of `compare` rdpdoctor-compare/1)'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -l password-stdin -d 'Read the key\'s password from standard input'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -l check -d 'Only say what would be signed; write nothing'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand demo" -l format -d 'How to print the report; only human has words about the scenario beside it' -r -f -a "human\t'words for a terminal'
json\t'the published JSON, schema rdpdoctor/1'
jsonl\t'the same JSON on one line: for logs, one line is one whole report'
html\t'one page for a browser or paper: no script, nothing from the network'
sarif\t'SARIF 2.1.0 for code scanning: a result per finding, a rule per cause'
junit\t'JUnit XML for build servers: a test suite per target, a test case per stage and per finding'
nagios\t'one line with performance data for monitoring; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'"
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand demo" -l save-commands -d 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run' -r -F
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand demo" -l full -d 'Print the whole report'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand lab" -l all -d 'List every scenario, near misses among them, with what it is'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand lab" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand man" -s h -l help -d 'Print help'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "diagnose" -d 'Find out why connections to a host fail'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "compare" -d 'Tell what differs between a host that works and one that does not, or between two reports on one host'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "inspect" -d 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "collect" -d 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "explain" -d 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "fix" -d 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "undo" -d 'Take back what `fix` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "history" -d 'List what `fix` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "confirm" -d 'Keep what `fix --confirm-within` has changed'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "guard" -d 'Wait for the code of a run, and take the run back without it'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "sign" -d 'Sign .rdp files with a publisher\'s certificate, on any system'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "demo" -d 'Show a diagnosis: run a faulty host on this computer and diagnose it'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "lab" -d 'Run faulty hosts on this computer to try tools on; without names, list them'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "completions" -d 'Print the completions for a shell; put them where that shell looks for them'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "man" -d 'Print the man page'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "generate" -d 'Print files that are made from the code, as a JSON object of paths and texts'
complete -c rdpdoctor -n "__fish_rdpdoctor_using_subcommand help; and not __fish_seen_subcommand_from diagnose compare inspect collect explain fix undo history confirm guard sign demo lab completions man generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
