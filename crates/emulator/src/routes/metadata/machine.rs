//! What Compute Engine's metadata server tells of the machine beyond its name: type, processor, image, network, disks,
//! and what becomes of it. The names are those of Google's list of predefined keys.

use serde_json::{Value, json};

use super::tree::Node;
use crate::hardware::{Disk, NetworkInterface};
use crate::metadata::Instance;

/// The names that only a virtual machine has, beside those that every machine has.
pub fn of(instance: &Instance, number: u64) -> Vec<(&'static str, Node)> {
    let text = |text: &str| Node::Value(text.into());
    let truth = |flag: bool| Node::Value(if flag { "TRUE" } else { "FALSE" }.into());
    let licenses = instance.licenses.iter().map(|id| Node::Dir(vec![("id", Node::Value(id.clone().into()))]));
    let disks = instance.disks.iter().enumerate().map(|(i, one)| disk(one, i));
    let interfaces = instance.network_interfaces.iter().map(|one| interface(one, number));
    let on_maintenance = if instance.preemptible { "TERMINATE" } else { "MIGRATE" };
    let scheduling = vec![
        ("automatic-restart", truth(!instance.preemptible)),
        ("on-host-maintenance", text(on_maintenance)),
        ("preemptible", truth(instance.preemptible)),
    ];
    vec![
        ("cpu-platform", text(&instance.cpu_platform)),
        ("description", text(&instance.description)),
        ("disks", Node::Items(disks.collect())),
        ("image", text(&instance.image)),
        ("licenses", Node::Items(licenses.collect())),
        ("machine-type", text(&format!("projects/{number}/machineTypes/{}", instance.machine_type))),
        ("maintenance-event", text(&instance.maintenance_event)),
        ("network-interfaces", Node::Items(interfaces.collect())),
        ("preempted", truth(instance.preempted)),
        ("remaining-cpu-time", Node::Value((-1).into())),
        ("scheduling", Node::Dir(scheduling)),
        ("tags", Node::Json(instance.tags.clone().into())),
        ("virtual-clock", Node::Dir(vec![("drift-token", text("0"))])),
    ]
}

fn disk(disk: &Disk, index: usize) -> Node {
    let mode = if disk.read_only { "READ_ONLY" } else { "READ_WRITE" };
    Node::Dir(vec![
        ("device-name", Node::Value(disk.name.clone().into())),
        ("index", Node::Value(index.into())),
        ("interface", Node::Value("SCSI".into())),
        ("mode", Node::Value(mode.into())),
        ("type", Node::Value(disk.kind.clone().into())),
    ])
}

fn interface(one: &NetworkInterface, number: u64) -> Node {
    let text = |value: String| Node::Value(value.into());
    let external = one.external_ip.map(|ip| ip.to_string()).unwrap_or_default();
    let access =
        Node::Dir(vec![("external-ip", text(external)), ("type", Node::Value("ONE_TO_ONE_NAT".into()))]);
    let nothing = || Node::Items(Vec::new());
    Node::Dir(vec![
        ("access-configs", Node::Items(vec![access])),
        ("dns-servers", Node::Value(json!(["169.254.169.254"]))),
        ("forwarded-ips", nothing()),
        ("gateway", text(one.gateway().to_string())),
        ("ip", text(one.ip.to_string())),
        ("ip-aliases", nothing()),
        ("mac", text(one.mac())),
        ("mtu", Node::Value(Value::from(1460))),
        ("network", text(format!("projects/{number}/networks/{}", one.network))),
        ("subnetmask", text("255.255.255.0".to_owned())),
        ("target-instance-ips", nothing()),
    ])
}
