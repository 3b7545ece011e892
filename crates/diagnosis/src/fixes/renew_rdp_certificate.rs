//! `renew-rdp-certificate`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "renew-rdp-certificate",
    title: "Have Windows make a new self-signed certificate for Remote Desktop",
    safety: Safety::Disruptive,
    reason: "Only the self-signed certificate in the store 'Remote Desktop' is removed; sessions are cut while the services restart. Clients that remembered the old one ask once.",
    place: "on the host's console, elevated",
    steps: &[
        "Repair the rights of the key first (repair-machine-keys-access): Windows cannot replace what it may not write.",
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' SSLCertificateSHA1Hash -ErrorAction SilentlyContinue",
        "If that names a certificate of your own, stop here: renew that one at its CA and bind it again.",
        "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Format-List Subject,Issuer,Thumbprint,NotAfter",
        "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | ForEach-Object { Export-Certificate -Cert $_ -FilePath \"$env:ProgramData\\rdp-$($_.Thumbprint).cer\" }",
        "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Where-Object { $_.Subject -eq $_.Issuer } | Remove-Item",
        "Restart-Service SessionEnv -Force; Restart-Service TermService -Force; Start-Service UmRdpService",
        "Get-WinEvent -MaxEvents 3 -FilterHashtable @{LogName='System'; ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1056,1057,1058}",
    ],
    verify: "the handshake shows a certificate with a new thumbprint that is valid now",
    undo: "the removed certificate is of no use without its key; Windows makes another by itself",
};
