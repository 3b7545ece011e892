
use builtin;
use str;

set edit:completion:arg-completer[rdpdoctor] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'rdpdoctor'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'rdpdoctor'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand diagnose 'Find out why connections to a host fail'
            cand compare 'Tell what differs between a host that works and one that does not, or between two reports on one host'
            cand inspect 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection'
            cand collect 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine'
            cand explain 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine'
            cand fix 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply'
            cand undo 'Take back what `fix` has changed'
            cand history 'List what `fix` has changed'
            cand confirm 'Keep what `fix --confirm-within` has changed'
            cand guard 'Wait for the code of a run, and take the run back without it'
            cand sign 'Sign .rdp files with a publisher''s certificate, on any system'
            cand demo 'Show a diagnosis: run a faulty host on this computer and diagnose it'
            cand lab 'Run faulty hosts on this computer to try tools on; without names, list them'
            cand completions 'Print the completions for a shell; put them where that shell looks for them'
            cand man 'Print the man page'
            cand generate 'Print files that are made from the code, as a JSON object of paths and texts'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'rdpdoctor;diagnose'= {
            cand --code 'The error code that the client shows, such as 0x904'
            cand --extended 'The extended error code that the client shows, such as 0x7'
            cand --client 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11'
            cand --rdp 'An .rdp file: gives the target (unless you name one), what the client offers and trusts, and its gateway'
            cand --with 'Files and folders from the host or the client (as for `inspect`), judged together with what the probe sees'
            cand --from-client 'Files and folders from the client''s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own'
            cand --control 'A host that is known to work (HOST or HOST:PORT): tested in the same way, to tell a fault of the host from one of this computer'
            cand --timeout 'Time for the first look; further questions for a finding may take as long again'
            cand --format 'How to print the report'
            cand --warning 'With --format nagios: WARNING if the certificate expires in fewer days than this'
            cand --critical 'With --format nagios: CRITICAL if the certificate expires in fewer days than this'
            cand --save-commands 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run'
            cand --transcript 'Write everything that was sent and received to a file, as text'
            cand --replay 'Diagnose a transcript again, without a connection'
            cand --watch 'Repeat every INTERVAL (5s if none) until it is broken for good, the time of --for is over, or Ctrl-C; tell when it broke, what was different then and what came back (as human, json or jsonl). Exit status: 0 always up, 1 it was down, 2 could not tell'
            cand --for 'End the watch after this time, such as 90s, 30m, 8h or 2d'
            cand --give-up 'Take the host for broken for good after this time without an answer (10m if none), and end the watch'
            cand --require-trust 'The client refuses a host whose certificate it does not trust, as with authentication level 1'
            cand --thorough 'Also ask what no verdict needs: every TLS version, suite, group, signature algorithm and set of protocols; makes dozens of connections and may take six times the time-out; prints the whole report'
            cand --path 'Also measure the path to a host that lets anyone in, even where nothing is odd: lost packets, large packets, slow lines; makes up to 24 more connections, with pauses, and may take four times the time-out (Linux). Sends one datagram to see whether UDP is taken, and looks for the routers on the way, and for which of them resets or drops a ClientHello'
            cand --without-own-settings 'Leave out how this computer itself connects (on Windows: its policies, its TLS settings and the names of saved credentials). They are left out as well where --client, --from-client or the files tell of another client'
            cand --full 'Print the whole report; without it, words for a terminal are one screen (24 lines)'
            cand --redact 'Take names and addresses out of the transcript (the report keeps them)'
            cand --force 'Replace a transcript of another host'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;compare'= {
            cand --client 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11'
            cand --timeout 'Time for the first look at a host; further questions for a finding may take as long again'
            cand --format 'How to print the comparison'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;inspect'= {
            cand --from-client 'Files and folders from the client''s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own'
            cand --at 'The time of the failed attempt (such as 2026-11-21T09:00:00Z or "2026-11-21 09:00", in UTC), by which logs are judged; the newest time in the files if none. What was captured is always judged by its own clock'
            cand --code 'The error code that the client shows, such as 0x904'
            cand --extended 'The extended error code that the client shows, such as 0x7'
            cand --client 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11'
            cand --format 'How to print the report'
            cand --save-commands 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run'
            cand --as-host 'Without a path: this computer is the host, as it is taken for anyway'
            cand --as-client 'Without a path: this computer is the one that connects, and not the host'
            cand --require-trust 'The client refuses a host whose certificate it does not trust, as with authentication level 1'
            cand --full 'Print the whole report; without it, words for a terminal are one screen (24 lines)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;collect'= {
            cand --from-client 'Files and folders from the client''s machine: the bundle marks them as such'
            cand -o 'The bundle to write'
            cand --output 'The bundle to write'
            cand --as 'Print a script that reads a machine, instead of collecting anything'
            cand --format 'How to print what is in the bundle'
            cand --as-host 'Without a path: this computer is the host, as it is taken for anyway'
            cand --as-client 'Without a path: this computer is the one that connects, and not the host'
            cand --keep-names 'Leave names, users, domains and addresses as they are'
            cand --force 'Replace the file if it exists, unless it is one of the files to collect'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;explain'= {
            cand --format 'How to print the answer'
            cand --full 'Print everything that is known, not just the dozen lines that matter most'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;fix'= {
            cand --server 'The server of this machine that is meant, where it has both'
            cand --for 'Mend only this cause; may be given again'
            cand --only 'Use only this fix; may be given again'
            cand --addresses 'Addresses or networks that the firewall of this machine is to let in, where it lets nobody in to the server'
            cand --save 'Write the plan to a file'
            cand --from 'Take the plan from a file; it is refused if the machine has changed since'
            cand --confirm-within 'Take everything back after this time, unless the code that is shown is typed: `rdpdoctor confirm CODE`, best in a new session, which shows that one can still get in'
            cand --confirm-from 'With --confirm-within: an attempt from this address keeps the changes as well, once xrdp''s own logs show TLS with it, or a logon from it'
            cand --lease 'Let a setting be weaker than before for this time, a day at most (30m if none is named); then everything is taken back'
            cand --apply 'Make the changes'
            cand --yes 'Do not ask before the changes are made'
            cand --finish 'Finish a run that was cut off'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;undo'= {
            cand --yes 'Do not ask before it is taken back'
            cand --force 'Put back what was there before, also where somebody else changed it since'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;history'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;confirm'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;guard'= {
            cand --elsewhere 'The files are those of another machine'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;sign'= {
            cand --key 'The publisher''s key: a PFX with its certificate, or PEM (RSA, 2048 to 4096 bits)'
            cand --certificate 'The publisher''s certificate in PEM, perhaps with its chain, if it is not in the file of the key'
            cand -o 'Write the signed files to this folder; without it, each takes its old one''s place, which is kept as FILE.bak'
            cand --output 'Write the signed files to this folder; without it, each takes its old one''s place, which is kept as FILE.bak'
            cand --format 'How to print what was done'
            cand --password-stdin 'Read the key''s password from standard input'
            cand --check 'Only say what would be signed; write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;demo'= {
            cand --format 'How to print the report; only human has words about the scenario beside it'
            cand --save-commands 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run'
            cand --full 'Print the whole report'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;lab'= {
            cand --all 'List every scenario, near misses among them, with what it is'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;man'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'rdpdoctor;generate'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'rdpdoctor;help'= {
            cand diagnose 'Find out why connections to a host fail'
            cand compare 'Tell what differs between a host that works and one that does not, or between two reports on one host'
            cand inspect 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection'
            cand collect 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine'
            cand explain 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine'
            cand fix 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply'
            cand undo 'Take back what `fix` has changed'
            cand history 'List what `fix` has changed'
            cand confirm 'Keep what `fix --confirm-within` has changed'
            cand guard 'Wait for the code of a run, and take the run back without it'
            cand sign 'Sign .rdp files with a publisher''s certificate, on any system'
            cand demo 'Show a diagnosis: run a faulty host on this computer and diagnose it'
            cand lab 'Run faulty hosts on this computer to try tools on; without names, list them'
            cand completions 'Print the completions for a shell; put them where that shell looks for them'
            cand man 'Print the man page'
            cand generate 'Print files that are made from the code, as a JSON object of paths and texts'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'rdpdoctor;help;diagnose'= {
        }
        &'rdpdoctor;help;compare'= {
        }
        &'rdpdoctor;help;inspect'= {
        }
        &'rdpdoctor;help;collect'= {
        }
        &'rdpdoctor;help;explain'= {
        }
        &'rdpdoctor;help;fix'= {
        }
        &'rdpdoctor;help;undo'= {
        }
        &'rdpdoctor;help;history'= {
        }
        &'rdpdoctor;help;confirm'= {
        }
        &'rdpdoctor;help;guard'= {
        }
        &'rdpdoctor;help;sign'= {
        }
        &'rdpdoctor;help;demo'= {
        }
        &'rdpdoctor;help;lab'= {
        }
        &'rdpdoctor;help;completions'= {
        }
        &'rdpdoctor;help;man'= {
        }
        &'rdpdoctor;help;generate'= {
        }
        &'rdpdoctor;help;help'= {
        }
    ]
    $completions[$command]
}
