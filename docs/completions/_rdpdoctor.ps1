
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'rdpdoctor' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'rdpdoctor'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'rdpdoctor' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('diagnose', 'diagnose', [CompletionResultType]::ParameterValue, 'Find out why connections to a host fail')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Tell what differs between a host that works and one that does not, or between two reports on one host')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection')
            [CompletionResult]::new('collect', 'collect', [CompletionResultType]::ParameterValue, 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine')
            [CompletionResult]::new('fix', 'fix', [CompletionResultType]::ParameterValue, 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Take back what `fix` has changed')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List what `fix` has changed')
            [CompletionResult]::new('confirm', 'confirm', [CompletionResultType]::ParameterValue, 'Keep what `fix --confirm-within` has changed')
            [CompletionResult]::new('guard', 'guard', [CompletionResultType]::ParameterValue, 'Wait for the code of a run, and take the run back without it')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Sign .rdp files with a publisher''s certificate, on any system')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a diagnosis: run a faulty host on this computer and diagnose it')
            [CompletionResult]::new('lab', 'lab', [CompletionResultType]::ParameterValue, 'Run faulty hosts on this computer to try tools on; without names, list them')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell; put them where that shell looks for them')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the man page')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Print files that are made from the code, as a JSON object of paths and texts')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'rdpdoctor;diagnose' {
            [CompletionResult]::new('--code', '--code', [CompletionResultType]::ParameterName, 'The error code that the client shows, such as 0x904')
            [CompletionResult]::new('--extended', '--extended', [CompletionResultType]::ParameterName, 'The extended error code that the client shows, such as 0x7')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11')
            [CompletionResult]::new('--rdp', '--rdp', [CompletionResultType]::ParameterName, 'An .rdp file: gives the target (unless you name one), what the client offers and trusts, and its gateway')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'Files and folders from the host or the client (as for `inspect`), judged together with what the probe sees')
            [CompletionResult]::new('--from-client', '--from-client', [CompletionResultType]::ParameterName, 'Files and folders from the client''s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own')
            [CompletionResult]::new('--control', '--control', [CompletionResultType]::ParameterName, 'A host that is known to work (HOST or HOST:PORT): tested in the same way, to tell a fault of the host from one of this computer')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time for the first look; further questions for a finding may take as long again')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the report')
            [CompletionResult]::new('--warning', '--warning', [CompletionResultType]::ParameterName, 'With --format nagios: WARNING if the certificate expires in fewer days than this')
            [CompletionResult]::new('--critical', '--critical', [CompletionResultType]::ParameterName, 'With --format nagios: CRITICAL if the certificate expires in fewer days than this')
            [CompletionResult]::new('--save-commands', '--save-commands', [CompletionResultType]::ParameterName, 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run')
            [CompletionResult]::new('--transcript', '--transcript', [CompletionResultType]::ParameterName, 'Write everything that was sent and received to a file, as text')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Diagnose a transcript again, without a connection')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Repeat every INTERVAL (5s if none) until it is broken for good, the time of --for is over, or Ctrl-C; tell when it broke, what was different then and what came back (as human, json or jsonl). Exit status: 0 always up, 1 it was down, 2 could not tell')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after this time, such as 90s, 30m, 8h or 2d')
            [CompletionResult]::new('--give-up', '--give-up', [CompletionResultType]::ParameterName, 'Take the host for broken for good after this time without an answer (10m if none), and end the watch')
            [CompletionResult]::new('--require-trust', '--require-trust', [CompletionResultType]::ParameterName, 'The client refuses a host whose certificate it does not trust, as with authentication level 1')
            [CompletionResult]::new('--thorough', '--thorough', [CompletionResultType]::ParameterName, 'Also ask what no verdict needs: every TLS version, suite, group, signature algorithm and set of protocols; makes dozens of connections and may take six times the time-out; prints the whole report')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Also measure the path to a host that lets anyone in, even where nothing is odd: lost packets, large packets, slow lines; makes up to 24 more connections, with pauses, and may take four times the time-out (Linux). Sends one datagram to see whether UDP is taken, and looks for the routers on the way, and for which of them resets or drops a ClientHello')
            [CompletionResult]::new('--without-own-settings', '--without-own-settings', [CompletionResultType]::ParameterName, 'Leave out how this computer itself connects (on Windows: its policies, its TLS settings and the names of saved credentials). They are left out as well where --client, --from-client or the files tell of another client')
            [CompletionResult]::new('--full', '--full', [CompletionResultType]::ParameterName, 'Print the whole report; without it, words for a terminal are one screen (24 lines)')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Take names and addresses out of the transcript (the report keeps them)')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a transcript of another host')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;compare' {
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Time for the first look at a host; further questions for a finding may take as long again')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the comparison')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;inspect' {
            [CompletionResult]::new('--from-client', '--from-client', [CompletionResultType]::ParameterName, 'Files and folders from the client''s machine (hives, a mounted disk, logs): they say which client has to get through, and count as its own')
            [CompletionResult]::new('--at', '--at', [CompletionResultType]::ParameterName, 'The time of the failed attempt (such as 2026-11-21T09:00:00Z or "2026-11-21 09:00", in UTC), by which logs are judged; the newest time in the files if none. What was captured is always judged by its own clock')
            [CompletionResult]::new('--code', '--code', [CompletionResultType]::ParameterName, 'The error code that the client shows, such as 0x904')
            [CompletionResult]::new('--extended', '--extended', [CompletionResultType]::ParameterName, 'The extended error code that the client shows, such as 0x7')
            [CompletionResult]::new('--client', '--client', [CompletionResultType]::ParameterName, 'The client that has to get through: mstsc-11, mstsc-10, mstsc-7, mac, freerdp3, or a profile file (TOML); without it, the client that the evidence tells of, else mstsc-11')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the report')
            [CompletionResult]::new('--save-commands', '--save-commands', [CompletionResultType]::ParameterName, 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run')
            [CompletionResult]::new('--as-host', '--as-host', [CompletionResultType]::ParameterName, 'Without a path: this computer is the host, as it is taken for anyway')
            [CompletionResult]::new('--as-client', '--as-client', [CompletionResultType]::ParameterName, 'Without a path: this computer is the one that connects, and not the host')
            [CompletionResult]::new('--require-trust', '--require-trust', [CompletionResultType]::ParameterName, 'The client refuses a host whose certificate it does not trust, as with authentication level 1')
            [CompletionResult]::new('--full', '--full', [CompletionResultType]::ParameterName, 'Print the whole report; without it, words for a terminal are one screen (24 lines)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;collect' {
            [CompletionResult]::new('--from-client', '--from-client', [CompletionResultType]::ParameterName, 'Files and folders from the client''s machine: the bundle marks them as such')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The bundle to write')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The bundle to write')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'Print a script that reads a machine, instead of collecting anything')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print what is in the bundle')
            [CompletionResult]::new('--as-host', '--as-host', [CompletionResultType]::ParameterName, 'Without a path: this computer is the host, as it is taken for anyway')
            [CompletionResult]::new('--as-client', '--as-client', [CompletionResultType]::ParameterName, 'Without a path: this computer is the one that connects, and not the host')
            [CompletionResult]::new('--keep-names', '--keep-names', [CompletionResultType]::ParameterName, 'Leave names, users, domains and addresses as they are')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace the file if it exists, unless it is one of the files to collect')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;explain' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the answer')
            [CompletionResult]::new('--full', '--full', [CompletionResultType]::ParameterName, 'Print everything that is known, not just the dozen lines that matter most')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;fix' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server of this machine that is meant, where it has both')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Mend only this cause; may be given again')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Use only this fix; may be given again')
            [CompletionResult]::new('--addresses', '--addresses', [CompletionResultType]::ParameterName, 'Addresses or networks that the firewall of this machine is to let in, where it lets nobody in to the server')
            [CompletionResult]::new('--save', '--save', [CompletionResultType]::ParameterName, 'Write the plan to a file')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Take the plan from a file; it is refused if the machine has changed since')
            [CompletionResult]::new('--confirm-within', '--confirm-within', [CompletionResultType]::ParameterName, 'Take everything back after this time, unless the code that is shown is typed: `rdpdoctor confirm CODE`, best in a new session, which shows that one can still get in')
            [CompletionResult]::new('--confirm-from', '--confirm-from', [CompletionResultType]::ParameterName, 'With --confirm-within: an attempt from this address keeps the changes as well, once xrdp''s own logs show TLS with it, or a logon from it')
            [CompletionResult]::new('--lease', '--lease', [CompletionResultType]::ParameterName, 'Let a setting be weaker than before for this time, a day at most (30m if none is named); then everything is taken back')
            [CompletionResult]::new('--apply', '--apply', [CompletionResultType]::ParameterName, 'Make the changes')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before the changes are made')
            [CompletionResult]::new('--finish', '--finish', [CompletionResultType]::ParameterName, 'Finish a run that was cut off')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;undo' {
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before it is taken back')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Put back what was there before, also where somebody else changed it since')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;history' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;confirm' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;guard' {
            [CompletionResult]::new('--elsewhere', '--elsewhere', [CompletionResultType]::ParameterName, 'The files are those of another machine')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;sign' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The publisher''s key: a PFX with its certificate, or PEM (RSA, 2048 to 4096 bits)')
            [CompletionResult]::new('--certificate', '--certificate', [CompletionResultType]::ParameterName, 'The publisher''s certificate in PEM, perhaps with its chain, if it is not in the file of the key')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the signed files to this folder; without it, each takes its old one''s place, which is kept as FILE.bak')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the signed files to this folder; without it, each takes its old one''s place, which is kept as FILE.bak')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print what was done')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Read the key''s password from standard input')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Only say what would be signed; write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;demo' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the report; only human has words about the scenario beside it')
            [CompletionResult]::new('--save-commands', '--save-commands', [CompletionResultType]::ParameterName, 'Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run')
            [CompletionResult]::new('--full', '--full', [CompletionResultType]::ParameterName, 'Print the whole report')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;lab' {
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List every scenario, near misses among them, with what it is')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'rdpdoctor;generate' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'rdpdoctor;help' {
            [CompletionResult]::new('diagnose', 'diagnose', [CompletionResultType]::ParameterValue, 'Find out why connections to a host fail')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Tell what differs between a host that works and one that does not, or between two reports on one host')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of Process Monitor, .rdp files, bundles), without making a connection')
            [CompletionResult]::new('collect', 'collect', [CompletionResultType]::ParameterValue, 'Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a script that reads a Windows machine')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine')
            [CompletionResult]::new('fix', 'fix', [CompletionResultType]::ParameterValue, 'Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change it with --apply')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Take back what `fix` has changed')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List what `fix` has changed')
            [CompletionResult]::new('confirm', 'confirm', [CompletionResultType]::ParameterValue, 'Keep what `fix --confirm-within` has changed')
            [CompletionResult]::new('guard', 'guard', [CompletionResultType]::ParameterValue, 'Wait for the code of a run, and take the run back without it')
            [CompletionResult]::new('sign', 'sign', [CompletionResultType]::ParameterValue, 'Sign .rdp files with a publisher''s certificate, on any system')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a diagnosis: run a faulty host on this computer and diagnose it')
            [CompletionResult]::new('lab', 'lab', [CompletionResultType]::ParameterValue, 'Run faulty hosts on this computer to try tools on; without names, list them')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell; put them where that shell looks for them')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the man page')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Print files that are made from the code, as a JSON object of paths and texts')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'rdpdoctor;help;diagnose' {
            break
        }
        'rdpdoctor;help;compare' {
            break
        }
        'rdpdoctor;help;inspect' {
            break
        }
        'rdpdoctor;help;collect' {
            break
        }
        'rdpdoctor;help;explain' {
            break
        }
        'rdpdoctor;help;fix' {
            break
        }
        'rdpdoctor;help;undo' {
            break
        }
        'rdpdoctor;help;history' {
            break
        }
        'rdpdoctor;help;confirm' {
            break
        }
        'rdpdoctor;help;guard' {
            break
        }
        'rdpdoctor;help;sign' {
            break
        }
        'rdpdoctor;help;demo' {
            break
        }
        'rdpdoctor;help;lab' {
            break
        }
        'rdpdoctor;help;completions' {
            break
        }
        'rdpdoctor;help;man' {
            break
        }
        'rdpdoctor;help;generate' {
            break
        }
        'rdpdoctor;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
