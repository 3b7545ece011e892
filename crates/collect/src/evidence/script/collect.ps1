# rdpdoctor @VERSION@, collect --as powershell
#
# Reads what matters for Remote Desktop on this machine and prints it as text, for "rdpdoctor inspect OUTPUT" elsewhere.
# It changes nothing. With -Out FILE it writes its output to that new file instead of printing it, and writes nothing else.
#
# This script was never run on a real Windows machine by those who wrote it. Read it before you run it.
#
# Run it in an elevated Windows PowerShell, 4.0 or newer. What it may not read it says, and goes on.
# The output holds names, addresses and accounts: "rdpdoctor collect OUTPUT -o bundle.zip" takes them out again.
param([string]$Out = '')

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'

if ($env:PROCESSOR_ARCHITEW6432) {
    'This is the 32-bit PowerShell of a 64-bit Windows, which shows another registry: run the script in the 64-bit one.'
    return
}

# in the constrained language mode nothing of .NET can be called: then the output is longer, and without a checksum
$full = "$($ExecutionContext.SessionState.LanguageMode)" -eq 'FullLanguage'
$taken = (Get-Date).ToUniversalTime().ToString('o')
# what the functions below find out beside what they return
$found = @{ unread = @(); spans = @() }

$keys = @(
@KEYS@
)
# of these keys only these values: beside them stands a password, or what concerns nobody
$part = @{
@PART@
}
$stores = @(
@STORES@
)
$filters = @FILTERS@
$services = @(
@SERVICES@
)
$programs = @(
@PROGRAMS@
)
# of each log and provider: entries that mean a fault, and entries of connections that work
$queries = @(
@QUERIES@
)
# the most entries of a kind
$rareLimit = @RARE@
$usualLimit = @USUAL@
# the most files of a folder of keys, besides those of Remote Desktop
$keyLimit = @KEYFILES@

# Why something could not be read: by the kind of the error, for its text depends on the language of Windows.
function Get-Reason($problem) {
    $category = "$($problem.CategoryInfo.Category)"
    if ($category -eq 'PermissionDenied' -or $category -eq 'SecurityError') { return 'access denied' }
    return "$category, $($problem.FullyQualifiedErrorId)"
}

function Get-Unread($what, $why) {
    return @{ what = "$what"; why = "$why" }
}

function Test-Missing($problem) {
    return "$($problem.CategoryInfo.Category)" -eq 'ObjectNotFound'
}

function ConvertTo-Hex($bytes) {
    return (@($bytes) | ForEach-Object { '{0:x2}' -f $_ }) -join ''
}

# A value of the registry. A number is signed here, and is not there; names of folders in a text are filled in here.
function ConvertTo-Data($value) {
    if ($value -is [int]) { return @{ dword = ([long]$value -band 4294967295) } }
    if ($value -is [long] -and $value -ge 0) { return @{ qword = $value } }
    if ($value -is [long]) { return @{ qword = [uint64]([decimal]$value + 18446744073709551616) } }
    if ($value -is [string]) { return @{ text = "$value" } }
    if ($value -is [byte[]]) { return @{ binary = "$(ConvertTo-Hex $value)" } }
    if ($value -is [array]) { return @{ texts = @($value | ForEach-Object { "$_" }) } }
    return @{ binary = '' }
}

function ConvertTo-Place($path) {
    $place = "$path" -replace '^HKLM\\', 'HKEY_LOCAL_MACHINE\' -replace '^HKCU\\', 'HKEY_CURRENT_USER\'
    return "Registry::$place"
}

# The names of the keys below a key, without the marks that PowerShell puts before some characters.
function Get-KeyName($place) {
    return @(Get-ChildItem -LiteralPath $place -Name | ForEach-Object { "$_" -replace '`', '' })
}

# True only if the key above could be read and this one is not in it: access denied is not absent.
function Test-Absent($place) {
    if ("$place" -notmatch '^(.+\\.+)\\([^\\]+)$') { return $false }
    $parent = $matches[1]
    $leaf = $matches[2]
    try {
        return @(Get-KeyName $parent) -notcontains $leaf
    } catch {
        if (Test-Missing $_) { return (Test-Absent $parent) }
        return $false
    }
}

# A key with all its values, or with those of the list above; a text instead is why it could not be read.
function Get-Key($path) {
    $place = ConvertTo-Place $path
    try {
        $item = Get-Item -LiteralPath $place
        $values = @{}
        $names = @($item.Property | Where-Object { $null -ne $_ })
        $only = $part["$path"]
        if ($only) { $names = @($names | Where-Object { $only -contains $_ }) }
        if ($names.Count -gt 0) {
            $held = Get-ItemProperty -LiteralPath $place
            foreach ($name in $names) {
                $value = $held.$name
                $values["$name"] = ConvertTo-Data $value
            }
        }
        return @{ path = "$path"; exists = $true; values = $values }
    } catch {
        $problem = $_
        if ((Test-Missing $problem) -and (Test-Absent $place)) { return @{ path = "$path"; exists = $false; values = @{} } }
        return (Get-Reason $problem)
    }
}

# Keys, the most telling last.
function Get-Registry {
    foreach ($store in $stores) {
        try {
            foreach ($name in @(Get-KeyName (ConvertTo-Place $store))) {
                $key = Get-Key "$store\$name"
                if ($key -is [string]) { $found.unread += Get-Unread "$store\$name" $key } else { $key }
            }
        } catch {
            if (-not (Test-Missing $_)) { $found.unread += Get-Unread $store (Get-Reason $_) }
        }
    }
    foreach ($path in $keys) {
        $key = Get-Key $path
        if ($key -is [string]) { $found.unread += Get-Unread $path $key } else { $key }
    }
}

function Get-ServiceState {
    foreach ($name in $services) {
        $key = Get-Key "HKLM\SYSTEM\CurrentControlSet\Services\$name"
        if ($key -is [string]) {
            $found.unread += Get-Unread "the service $name" $key
        } else {
            $running = $null
            try { $running = "$((Get-Service -Name $name).Status)" -eq 'Running' } catch { $running = $null }
            $values = $key['values']
            $start = $null
            $image = $null
            $account = $null
            if ($values['Start']) { $start = $values['Start'].dword }
            if ($values['ImagePath']) { $image = $values['ImagePath'].text }
            if ($values['ObjectName']) { $account = $values['ObjectName'].text }
            @{ name = $name; exists = $key.exists; start = $start; running = $running; image = $image; account = $account }
        }
    }
}

# Who may do what with a file; nothing where that could not be read.
function Get-Rights($path, $what) {
    try {
        return "$((Get-Acl -LiteralPath $path).Sddl)"
    } catch {
        $found.unread += Get-Unread "the rights on $what" (Get-Reason $_)
        return $null
    }
}

# The key files by their names and rights, not what is in them: those of Remote Desktop, and as many of the others as the limit
# says, for the key of a certificate that was bound is one of them. The folder itself is told if it could be listed, with how
# many files of it are left out.
function Get-KeyFile($place, $label) {
    try {
        $files = @(Get-ChildItem -LiteralPath $place -Force -File)
    } catch {
        $found.unread += Get-Unread "the key folder $label" (Get-Reason $_)
        return
    }
    $own = @($files | Where-Object { "$($_.Name)" -like '@RDPKEY@*' })
    $others = @($files | Where-Object { "$($_.Name)" -notlike '@RDPKEY@*' } | Select-Object -First $keyLimit)
    $rest = $files.Count - $own.Count - $others.Count
    @{ name = '.'; folder = $label; size = $null; security = (Get-Rights $place "the key folder $label"); left_out = $rest }
    foreach ($file in $own) {
        $rights = Get-Rights $file.FullName $file.Name
        @{ name = "$($file.Name)"; folder = $label; size = $file.Length; security = $rights }
    }
    $refused = 0
    foreach ($file in $others) {
        $rights = $null
        try { $rights = "$((Get-Acl -LiteralPath $file.FullName).Sddl)" } catch { $refused += 1 }
        @{ name = "$($file.Name)"; folder = $label; size = $file.Length; security = $rights }
    }
    if ($refused -gt 0) { $found.unread += Get-Unread "the rights on $refused other key files in $label" 'they could not be read' }
}

function Get-Program {
    foreach ($name in $programs) {
        try {
            $info = (Get-Item -LiteralPath "$env:SystemRoot\System32\$name").VersionInfo
            $version = $null
            if ($info.FileVersion) {
                $version = '{0}.{1}.{2}.{3}' -f $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
            }
            @{ name = $name; exists = $true; version = $version }
        } catch {
            if (Test-Missing $_) { @{ name = $name; exists = $false; version = $null } }
            else { $found.unread += Get-Unread $name (Get-Reason $_) }
        }
    }
}

function Get-Space {
    try {
        Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3' -OperationTimeoutSec 20 |
            Where-Object { $_.Size } |
            ForEach-Object { @{ name = "$($_.DeviceID)"; free = [uint64]$_.FreeSpace; size = [uint64]$_.Size } }
    } catch {
        $found.unread += Get-Unread 'the space on the volumes' (Get-Reason $_)
    }
}

# The ports on which programs listen, with the file names of the programs.
function Get-Port {
    $names = @{}
    try {
        Get-CimInstance -ClassName Win32_Process -OperationTimeoutSec 20 | ForEach-Object { $names["$($_.ProcessId)"] = "$($_.Name)" }
    } catch {
        $found.unread += Get-Unread 'the names of the processes' (Get-Reason $_)
    }
    try {
        foreach ($port in @(Get-NetTCPConnection -State Listen)) {
            $process = $names["$($port.OwningProcess)"]
            @{ port = [int]$port.LocalPort; address = "$($port.LocalAddress)"; process = $process; pid = [long]$port.OwningProcess }
        }
    } catch {
        $found.unread += Get-Unread 'the listening ports' (Get-Reason $_)
    }
}

# The network's adapters, with the largest packet that each of them takes.
function Get-Adapter {
    try {
        Get-NetIPInterface -AddressFamily IPv4 | Where-Object { "$($_.InterfaceAlias)" -notlike 'Loopback*' } |
            ForEach-Object { @{ name = "$($_.InterfaceAlias)"; mtu = [long]$_.NlMtu; up = "$($_.ConnectionState)" -eq 'Connected' } }
    } catch {
        $found.unread += Get-Unread 'the network adapters' (Get-Reason $_)
    }
}

# The components between the adapters and the rest of Windows; none, if one of them cannot be read.
function Get-Filter {
    try {
        $made = @()
        foreach ($name in @(Get-KeyName (ConvertTo-Place $filters))) {
            $key = Get-Key "$filters\$name"
            if ($key -is [string]) {
                $found.unread += Get-Unread $filters $key
                return
            }
            $values = $key['values']
            if ($values['ComponentId']) {
                $text = $null
                if ($values['Description']) { $text = $values['Description'].text }
                $made += @{ id = $values['ComponentId'].text; name = $text }
            }
        }
        $made
    } catch {
        $found.unread += Get-Unread $filters (Get-Reason $_)
    }
}

# What an entry says, by name or by number. Its text is not looked at: that depends on the language of Windows.
function ConvertTo-Entry($entry, $log) {
    $data = @{}
    $number = 0
    if ($full) {
        $xml = [xml]$entry.ToXml()
        foreach ($node in @($xml.SelectNodes("/*/*[local-name()='EventData']/*[local-name()='Data']"))) {
            $name = $node.GetAttribute('Name')
            if (-not $name) { $name = "$number"; $number += 1 }
            if ($node.InnerText) { $data[$name] = "$($node.InnerText)" }
        }
        foreach ($node in @($xml.SelectNodes("/*/*[local-name()='UserData']/*/*"))) {
            if ($node.InnerText) { $data["$($node.LocalName)"] = "$($node.InnerText)" }
        }
    } else {
        foreach ($property in @($entry.Properties)) {
            if ("$($property.Value)") { $data["$number"] = "$($property.Value)" }
            $number += 1
        }
    }
    $activity = $null
    if ($entry.ActivityId) { $activity = "{$($entry.ActivityId)}".ToLower() }
    $at = $entry.TimeCreated.ToUniversalTime().ToString('o')
    return @{
        at = $at; channel = $log; provider = "$($entry.ProviderName)"; id = $entry.Id
        record = $entry.RecordId; activity = $activity; data = $data
    }
}

# The newest entries of one kind, and one more if there are more.
function Get-Entry($log, $providers, $id, $limit) {
    $names = @($providers | ForEach-Object { "@Name='$_'" }) -join ' or '
    try {
        return @(Get-WinEvent -LogName $log -FilterXPath "*[System[Provider[$names] and (EventID=$id)]]" -MaxEvents ($limit + 1))
    } catch {
        if ("$($_.FullyQualifiedErrorId)" -like 'NoMatchingEventsFound*') { return @() }
        return (Get-Reason $_)
    }
}

# The stretch of time of which a log tells; a text instead is why it could not be read, and nothing means an empty log.
function Get-Span($log) {
    try {
        $about = Get-WinEvent -ListLog $log
        if ($null -eq $about.RecordCount) { return 'Windows does not tell how many entries it has, as without the right to read it' }
        if ($about.RecordCount -eq 0) { return }
        $oldest = @(Get-WinEvent -LogName $log -MaxEvents 1 -Oldest)[0].TimeCreated.ToUniversalTime().ToString('o')
        $newest = $taken
        # a log that is switched off tells of nothing after its last entry
        if (-not $about.IsEnabled) { $newest = @(Get-WinEvent -LogName $log -MaxEvents 1)[0].TimeCreated.ToUniversalTime().ToString('o') }
        return @{ channel = $log; from = $oldest; until = $newest; records = $about.RecordCount; damaged = $false; left_out = 0; left_out_until = $null }
    } catch {
        if ("$($_.FullyQualifiedErrorId)" -like 'NoMatchingLogsFound*') { return 'this machine has no such log' }
        return (Get-Reason $_)
    }
}

function Get-Log {
    foreach ($log in @($queries | ForEach-Object { $_.log } | Select-Object -Unique)) {
        $span = Get-Span $log
        if ($span -is [string]) { $found.unread += Get-Unread "event log $log" $span }
        if ($span -isnot [hashtable]) { continue }
        foreach ($query in @($queries | Where-Object { $_.log -eq $log })) {
            foreach ($id in @($query.usual) + @($query.rare)) {
                $limit = $rareLimit
                if (@($query.usual) -contains $id) { $limit = $usualLimit }
                $entries = Get-Entry $log $query.providers $id $limit
                if ($entries -is [string]) {
                    $span.damaged = $true
                    $found.unread += Get-Unread "entries $id of the event log $log" $entries
                } else {
                    # that there are more is known, not how many
                    if (@($entries).Count -gt $limit) {
                        $span.left_out += 1
                        $left = @($entries)[$limit].TimeCreated.ToUniversalTime().ToString('o')
                        if ($null -eq $span.left_out_until -or $left -gt $span.left_out_until) { $span.left_out_until = $left }
                    }
                    foreach ($entry in @($entries | Where-Object { $null -ne $_ } | Select-Object -First $limit)) {
                        try {
                            ConvertTo-Entry $entry $log
                        } catch {
                            $span.damaged = $true
                            $found.unread += Get-Unread "entry $($entry.RecordId) of the event log $log" (Get-Reason $_)
                        }
                    }
                }
            }
        }
        $found.spans += $span
    }
}

# Things of one kind as a few texts of JSON, each of which can be read without the others.
function Get-Block($section, $things) {
    $computer = ConvertTo-Json -Compress -InputObject "$env:COMPUTERNAME"
    $head = '{"schema":"rdpdoctor-state/1","part":"host","taken_at":"' + $taken + '","computer":' + $computer + ',"' + $section + '":['
    $group = @()
    $size = 0
    foreach ($thing in @($things | Where-Object { $null -ne $_ })) {
        $text = ConvertTo-Json -Compress -Depth 5 -InputObject $thing
        if ($size -gt 0 -and $size + $text.Length -gt 4000) {
            $head + ($group -join ',') + ']}'
            $group = @()
            $size = 0
        }
        $group += $text
        $size += $text.Length
    }
    if ($size -gt 0) { $head + ($group -join ',') + ']}' }
}

# Only visible ASCII, no space and no hyphen: what a console, a mail or a wrapped line may lose or add is not part of it.
function ConvertTo-Plain($text) {
    return ([char[]]$text | ForEach-Object {
        $code = [int]$_
        if ($code -lt 33 -or $code -gt 126 -or $code -eq 45) { '\u{0:x4}' -f $code } else { "$_" }
    }) -join ''
}

function ConvertTo-Armour($text, $number, $count) {
    $form = 'JSON'
    $sum = 'NONE'
    if ($full) {
        $form = 'GZIP'
        $bytes = [Text.Encoding]::UTF8.GetBytes($text)
        $memory = New-Object IO.MemoryStream
        $zip = New-Object IO.Compression.GZipStream($memory, [IO.Compression.CompressionMode]::Compress)
        $zip.Write($bytes, 0, $bytes.Length)
        $zip.Close()
        $packed = $memory.ToArray()
        $body = [Convert]::ToBase64String($packed)
        # this class is allowed in FIPS mode too
        try {
            $hash = New-Object Security.Cryptography.SHA256CryptoServiceProvider
            $sum = ConvertTo-Hex ($hash.ComputeHash($packed))
        } catch {
            $sum = 'NONE'
        }
    } else {
        $body = ConvertTo-Plain $text
    }
    "-----BEGIN RDPDOCTOR STATE $number/$count; $form-----"
    for ($at = 0; $at -lt $body.Length; $at += 76) {
        $length = 76
        if ($body.Length - $at -lt 76) { $length = $body.Length - $at }
        $body.Substring($at, $length)
    }
    "-----END RDPDOCTOR STATE $number/$count; $($body.Length) CHARACTERS; SHA256 $sum-----"
}

# The most telling stands last: where output is cut, it is mostly the end that stays.
$sections = @()
$blocks = @()
$order = 'volumes', 'files', 'ports', 'adapters', 'filters', 'events', 'logs', 'registry', 'key_files', 'services', 'unread'
foreach ($section in $order) {
    $made = @()
    try {
        $things = @()
        if ($section -eq 'volumes') { $things = @(Get-Space) }
        if ($section -eq 'files') { $things = @(Get-Program) }
        if ($section -eq 'ports') { $things = @(Get-Port) }
        if ($section -eq 'adapters') { $things = @(Get-Adapter) }
        if ($section -eq 'filters') { $things = @(Get-Filter) }
        if ($section -eq 'events') { $things = @(Get-Log) }
        if ($section -eq 'logs') { $things = @($found.spans) }
        if ($section -eq 'registry') { $things = @(Get-Registry) }
        if ($section -eq 'key_files') {
            $things = @(Get-KeyFile "$env:ProgramData\Microsoft\Crypto\RSA\MachineKeys" 'MachineKeys')
            $things += @(Get-KeyFile "$env:ProgramData\Microsoft\Crypto\Keys" 'Keys')
        }
        if ($section -eq 'services') { $things = @(Get-ServiceState) }
        if ($section -eq 'unread') { $things = @($found.unread) }
        $made = @(Get-Block $section $things | Where-Object { $null -ne $_ })
    } catch {
        # half of a section would look like all of it
        $made = @()
        if ($section -eq 'events') { $found.spans = @() }
        $found.unread += Get-Unread "all of the $section" (Get-Reason $_)
    }
    foreach ($block in $made) {
        $blocks += $block
        $sections += $section
    }
}
# the last one tells what stood in all of them
$sections += 'contents'
$blocks += '{"schema":"rdpdoctor-state/1","part":"host","taken_at":"' + $taken + '","blocks":["' + ($sections -join '","') + '"]}'

$number = 0
$lines = foreach ($block in $blocks) {
    $number += 1
    ConvertTo-Armour $block $number $blocks.Count
}
if ($Out) {
    $lines | Out-File -LiteralPath $Out -Encoding ascii -NoClobber
    "$($blocks.Count) blocks written to $Out"
} else {
    $lines
}
