#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    coverage::run().await
}
